//! Words that say nothing about what is asked for.
use whatlang::Lang;

/// What a caller wraps a question in ("can you tell me, please") counts as well.
const ENGLISH: &str = "a about also am an and any are arent as at be been being but by can cant could couldnt did didnt do does \
    doesnt doing dont for from had has have having he hello hey hi her hers him his how i id if ill im in into is isnt it its ive \
    just know let lets like may me might mine much many must my need no not of oh ok okay on one or our ours please shall she \
    should so some someone something tell thank thanks that thats the their theirs them then there theres these they theyre this \
    those to too uh um us very want was wasnt we well were what whats when where wheres which who whom whose why will with wont \
    would wouldnt yes you youre your yours";
const GERMAN: &str = "aber als am an auch auf aus bei bin bis bist bitte da das dass dem den der des die dir du durch ein eine \
    einem einen einer eines er es für hat habe haben ich ihr im in ist ja kann können mein mich mir mit nach nein nicht noch nur \
    ob oder sich sie sind so über um und uns von vor wann war warum was welche wenn wer wie wir wird wo zu zum zur";
const FRENCH: &str = "à au aux avec ce ces cette comment dans de des du elle elles en est et eux il ils je la le les leur lui ma \
    mais me mes moi mon ne nos notre nous on ou où par pas pour pourquoi quand que quel quelle qui quoi sa sans ses si son sont sur \
    ta te tes toi ton tu un une vos votre vous";
const SPANISH: &str = "a al como cómo con cuál cuándo de del dónde el ella ellos en entre es esta este esto la las le les lo los \
    más me mi mis muy no nos nuestro o para pero por porque qué que quién se ser si sí sin sobre son su sus te tu un una uno y ya yo";

/// Whether `word` (in lower case, without apostrophes) is one in `language`.
pub fn has(language: Lang, word: &str) -> bool {
    let list = match language {
        Lang::Eng => ENGLISH,
        Lang::Deu => GERMAN,
        Lang::Fra => FRENCH,
        Lang::Spa => SPANISH,
        _ => return false,
    };
    // Few and short: looking through them costs less than a set would to set up.
    list.split_ascii_whitespace().any(|listed| listed == word)
}
