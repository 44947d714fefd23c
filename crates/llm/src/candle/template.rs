//! The chat template of a model file, rendered as its makers do: Jinja with a few methods of Python's strings.
use crate::prompt::Turn;
use minijinja::{Environment, Error, ErrorKind, Value, context, syntax::SyntaxConfig};

/// A file's chat template.
pub struct Template(Environment<'static>);

impl Template {
    /// Compiles `source`.
    pub fn of(source: &str) -> Result<Self, String> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|e| e.to_string())?);
        environment.set_unknown_method_callback(|_, value, name, arguments| method(value, name, arguments));
        environment.add_function("raise_exception", |reason: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, reason))
        });
        environment.add_template_owned("chat", source.to_owned()).map_err(|e| e.to_string())?;
        Ok(Self(environment))
    }

    /// The prompt for what the assistant says after `turns`.
    pub fn render(&self, turns: &[Turn]) -> Result<String, String> {
        let chat = self.0.get_template("chat").map_err(|e| e.to_string())?;
        let messages: Vec<Value> = turns
            .iter()
            .map(|turn| Value::from_pairs([("role", turn.role), ("content", turn.content.as_str())]))
            .collect();
        let context = context! { messages, add_generation_prompt => true, bos_token => "", eos_token => "" };
        chat.render(context).map_err(|e| e.to_string())
    }
}

fn method(value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let unknown = || Error::new(ErrorKind::UnknownMethod, format!("no method {name}"));
    let text = value.as_str().ok_or_else(unknown)?;
    let argument = arguments.first().and_then(Value::as_str);
    match (name, argument) {
        ("strip", None) => Ok(text.trim().into()),
        ("lstrip", None) => Ok(text.trim_start().into()),
        ("rstrip", None) => Ok(text.trim_end().into()),
        ("strip", Some(part)) => Ok(text.trim_matches(|c| part.contains(c)).into()),
        ("lstrip", Some(part)) => Ok(text.trim_start_matches(|c| part.contains(c)).into()),
        ("rstrip", Some(part)) => Ok(text.trim_end_matches(|c| part.contains(c)).into()),
        ("startswith", Some(part)) => Ok(text.starts_with(part).into()),
        ("endswith", Some(part)) => Ok(text.ends_with(part).into()),
        ("split", Some(part)) => Ok(text.split(part).map(Value::from).collect()),
        ("upper", None) => Ok(text.to_uppercase().into()),
        ("lower", None) => Ok(text.to_lowercase().into()),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_sees_messages_and_pythons_methods() {
        let source = "{% for m in messages %}\n<{{ m['role'] }}>{{ m.content.strip() }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
        let turns = [
            Turn { role: "system", content: " Be kind. ".into() },
            Turn { role: "user", content: "Hi".into() },
        ];
        assert_eq!(
            Template::of(source).unwrap().render(&turns).unwrap(),
            "<system>Be kind.\n<user>Hi\n<assistant>"
        );
    }
}
