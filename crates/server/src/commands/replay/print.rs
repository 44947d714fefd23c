//! What `voce replay` prints for people.
use std::fmt::{self, Display, Formatter};

use super::{
    Report,
    compare::{Answer, Replayed, Summary},
    sound::RECORDED,
    turn::Turn,
};

impl Display for Report {
    fn fmt(&self, out: &mut Formatter) -> fmt::Result {
        match &self.session {
            Some(session) => writeln!(out, "call {session}, held again {}", self.place)?,
            None => writeln!(out, "a recording, heard {}", self.place)?,
        }
        for turn in &self.turns {
            writeln!(out)?;
            one(turn, out)?;
        }
        if self.is_cut {
            writeln!(out, "\nThe assistant hung up before everything was said.")?;
        }
        writeln!(out)?;
        summary(&self.summary, out)
    }
}

fn one(turn: &Replayed, out: &mut Formatter) -> fmt::Result {
    let sound = match turn.sound.as_str() {
        RECORDED => String::new(),
        voice => format!(", not recorded: its words spoken by {voice}"),
    };
    let into = if turn.interrupts { ", spoken into the answer before" } else { "" };
    writeln!(out, "turn {}{sound}{into}", turn.number)?;
    let (then, Some(now)) = (&turn.then, &turn.now) else {
        let asked = turn.then.as_ref().and_then(|then| then.question.as_deref()).unwrap_or("(not known)");
        writeln!(out, "  asked      {asked}")?;
        return writeln!(out, "  no turn came of it");
    };
    if turn.turns > 1 {
        writeln!(out, "  it became {} turns: a pause was taken for the end", turn.turns)?;
    }
    question(turn, now, out)?;
    answer(turn, now, out)?;
    passages(turn, now, out)?;
    match then {
        Some(then) if then.end_reason != now.end_reason => {
            writeln!(out, "  ended      {}, then {}", now.end_reason, then.end_reason)?;
        }
        _ => writeln!(out, "  ended      {}", now.end_reason)?,
    }
    times(then.as_ref(), now, out)?;
    for (what, then) in [("then", then.as_ref()), ("now", Some(now))] {
        if let Some(trace) = then.and_then(|turn| turn.trace_id.as_ref()) {
            writeln!(out, "  trace {what:<5}{trace}")?;
        }
    }
    Ok(())
}

fn question(turn: &Replayed, now: &Turn, out: &mut Formatter) -> fmt::Result {
    let asked = now.question.as_deref().unwrap_or_default();
    match turn.compared.as_ref().and_then(|compared| compared.question.as_ref()) {
        Some(difference) if difference.count > 0 => {
            writeln!(out, "  understood {} ({} words differ)", difference.line(), difference.count)
        }
        Some(_) => writeln!(out, "  understood {asked} (the same)"),
        None => writeln!(out, "  understood {asked}"),
    }
}

fn answer(turn: &Replayed, now: &Turn, out: &mut Formatter) -> fmt::Result {
    let text = now.answer.as_deref().unwrap_or_default();
    match turn.compared.as_ref().and_then(|compared| compared.answer) {
        Some(Answer::Same) => writeln!(out, "  answer     {text} (the same)")?,
        Some(Answer::Changed) => {
            let then = turn.then.as_ref().and_then(|then| then.answer.as_deref()).unwrap_or_default();
            writeln!(out, "  answer     changed\n    then     {then}\n    now      {text}")?;
        }
        None => writeln!(out, "  answer     {text}")?,
    }
    match &now.heard {
        Some(heard) if now.end_reason != "completed" => writeln!(out, "  heard      {heard}"),
        _ => Ok(()),
    }
}

fn passages(turn: &Replayed, now: &Turn, out: &mut Formatter) -> fmt::Result {
    // The folder says little, and takes the line.
    let file = |name: &String| name.rsplit('/').next().unwrap_or_default().to_owned();
    let names = |names: &[String]| match names {
        [] => String::new(),
        names => format!(" ({})", names.iter().map(file).collect::<Vec<_>>().join(", ")),
    };
    match (turn.compared.as_ref().and_then(|compared| compared.passages.as_ref()), &now.passages) {
        (Some(passages), _) => {
            let (lost, new) = (names(&passages.lost), names(&passages.new));
            let (kept, lost_count, new_count) =
                (passages.kept.len(), passages.lost.len(), passages.new.len());
            writeln!(out, "  passages   {kept} kept, {lost_count} lost{lost}, {new_count} new{new}")
        }
        (None, Some(found)) => {
            let found: Vec<String> = found.iter().map(|found| found.name.clone()).collect();
            writeln!(out, "  passages   {}{}", found.len(), names(&found))
        }
        (None, None) => Ok(()),
    }
}

fn times(then: Option<&Turn>, now: &Turn, out: &mut Formatter) -> fmt::Result {
    let old = then.map(|then| then.seconds.list());
    writeln!(
        out,
        "  {:<30} {:>9} {:>9} {:>11}",
        "",
        if then.is_some() { "then" } else { "" },
        "now",
        "difference"
    )?;
    for (place, (stage, now)) in now.seconds.list().into_iter().enumerate() {
        let then = old.and_then(|old| old[place].1);
        if now.is_none() && then.is_none() {
            continue;
        }
        let ms =
            |seconds: Option<f64>| seconds.map_or_else(|| "-".to_owned(), |it| format!("{:.0} ms", it * 1e3));
        let difference =
            then.zip(now).map_or_else(String::new, |(then, now)| format!("{:+.0} ms", (now - then) * 1e3));
        let then = if old.is_some() { ms(then) } else { String::new() };
        writeln!(out, "  {stage:<30} {then:>9} {:>9} {difference:>11}", ms(now))?;
    }
    let old_tokens = then.map(|then| [then.prompt_tokens, then.completion_tokens]);
    for (place, (what, now)) in
        [("tokens of the prompt", now.prompt_tokens), ("tokens of the answer", now.completion_tokens)]
            .into_iter()
            .enumerate()
    {
        let then = old_tokens.and_then(|old| old[place]);
        let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
        let difference =
            then.zip(now).map_or_else(String::new, |(then, now)| format!("{:+}", now as i128 - then as i128));
        writeln!(out, "  {what:<30} {:>9} {:>9} {difference:>11}", count(then), count(now))?;
    }
    Ok(())
}

fn summary(summary: &Summary, out: &mut Formatter) -> fmt::Result {
    let Summary { turns, answered, questions, understood_the_same, answers, answered_the_same, .. } = summary;
    write!(out, "{answered} of {turns} turns answered")?;
    if *questions > 0 {
        write!(out, "; {understood_the_same} of {questions} questions understood the same")?;
    }
    if *answers > 0 {
        write!(out, "; {answered_the_same} of {answers} answers the same")?;
    }
    let Summary { passages_kept, passages_lost, passages_new, .. } = summary;
    if passages_kept + passages_lost + passages_new > 0 {
        write!(out, "; passages: {passages_kept} kept, {passages_lost} lost, {passages_new} new")?;
    }
    if let (Some(then), Some(now)) = (summary.voice_to_voice_then, summary.voice_to_voice_now) {
        let percent = (now / then.max(0.001) - 1.0) * 100.0;
        write!(out, "; first sound after {:.0} ms, then {:.0} ms ({percent:+.0} %)", now * 1e3, then * 1e3)?;
    }
    writeln!(out, ".")
}
