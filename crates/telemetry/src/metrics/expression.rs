//! Expressions in Google's Common Expression Language, over one finished span.
//!
//! CEL has no recursion and no endless loop; what is left, loops within loops, is refused, and everything that an
//! expression can look at is short.
use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use cel::{
    Context, Env, ExecutionError, IdedExpr, Program, Value,
    common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators::INDEX},
    objects::Key,
};
use opentelemetry::{Value as AttributeValue, trace::Status};
use opentelemetry_sdk::trace::SpanData;

use super::turns::{number, seconds};
use crate::said::cut;

/// The longest expression, characters.
const LONGEST: usize = 500;
/// Loops (`all`, `exists`, `exists_one`, `map`, `filter`) in an expression, at most.
const MOST_LOOPS: usize = 1;
/// Attributes that an expression sees, at most, and how much of each text, bytes.
const MOST_ATTRIBUTES: usize = 100;
const LONGEST_TEXT: usize = 1_024;

const ATTRIBUTES: &str = "attributes";
const VARIABLES: &[&str] = &[ATTRIBUTES, "duration_seconds", "name", "failed"];
const TYPES: &[&str] =
    &["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// An expression that parses.
pub(super) struct Expression {
    program: Program,
    /// The attributes that it asks for by name; `None` where it looks at all of them.
    wanted: Option<Vec<String>>,
}

/// Why there is no value.
pub(super) enum Failure {
    /// The span lacks something that the expression asks for.
    Missing(String),
    /// The expression does not fit.
    Wrong(String),
}

impl Expression {
    /// The error says where and why.
    pub(super) fn new(source: &str) -> Result<Self, String> {
        if source.trim().is_empty() {
            return Err(
                "is empty; expected CEL, e.g. attributes[\"voce.tts.characters\"] / duration_seconds".into(),
            );
        }
        let length = source.chars().count();
        if length > LONGEST {
            return Err(format!("is {length} characters long; at most {LONGEST} are allowed"));
        }
        let program = ENVIRONMENT.compile(source).map_err(|errors| match errors.errors.first() {
            Some(error) => format!("line {}, column {}: {}", error.pos.0, error.pos.1, error.msg),
            None => errors.to_string(),
        })?;
        let mut seen = Seen::default();
        seen.look_at(program.expression());
        if let Some(name) = seen.unknown {
            return Err(format!("{name:?} is unknown; expected {}", VARIABLES.join(", ")));
        }
        if seen.loops > MOST_LOOPS {
            return Err(format!(
                "has {} loops (all, exists, map, filter); at most {MOST_LOOPS} is allowed",
                seen.loops
            ));
        }
        // Functions that do not exist are noticed only when they are called.
        let mut context = Context::with_env(ENVIRONMENT.clone());
        declare(&mut context, HashMap::new(), 1.0, "turn", false);
        match program.execute(&context) {
            Err(ExecutionError::UndeclaredReference(name)) => Err(format!("{name:?} is unknown to CEL")),
            Ok(_) | Err(_) => {
                let wanted = (!seen.all_attributes).then_some(seen.attributes);
                Ok(Self { program, wanted })
            }
        }
    }

    /// The value as a number.
    pub(super) fn number(&self, span: &SpanData) -> Result<f64, Failure> {
        let number = match self.evaluate(span)? {
            Value::Float(number) => number,
            Value::Int(number) => number as f64,
            Value::UInt(number) => number as f64,
            other => return Err(Failure::Wrong(format!("the value is {}, not a number", kind(&other)))),
        };
        if number.is_finite() { Ok(number) } else { Err(Failure::Wrong(format!("the value is {number}"))) }
    }

    /// The value as yes or no.
    pub(super) fn condition(&self, span: &SpanData) -> Result<bool, Failure> {
        match self.evaluate(span)? {
            Value::Bool(flag) => Ok(flag),
            other => Err(Failure::Wrong(format!("the condition is {}, not true or false", kind(&other)))),
        }
    }

    fn evaluate(&self, span: &SpanData) -> Result<Value, Failure> {
        let is_wanted =
            |key: &str| self.wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|name| name == key));
        let attributes = span.attributes.iter().filter(|attribute| is_wanted(attribute.key.as_str()));
        let attributes = attributes.take(MOST_ATTRIBUTES);
        let attributes =
            attributes.map(|attribute| (Key::from(attribute.key.as_str()), value(&attribute.value)));
        let failed = matches!(span.status, Status::Error { .. });
        let mut context = Context::with_env(ENVIRONMENT.clone());
        declare(&mut context, attributes.collect(), seconds(span), &span.name, failed);
        self.program.execute(&context).map_err(|error| match error {
            ExecutionError::NoSuchKey(key) => Failure::Missing(key.to_string()),
            other => Failure::Wrong(cut(&other.to_string(), 300).to_owned()),
        })
    }
}

fn declare(context: &mut Context, attributes: HashMap<Key, Value>, seconds: f64, name: &str, failed: bool) {
    context.add_variable_from_value(ATTRIBUTES, attributes);
    context.add_variable_from_value("duration_seconds", seconds);
    context.add_variable_from_value("name", name);
    context.add_variable_from_value("failed", failed);
}

/// Whole numbers become floating-point ones: CEL divides no length of a text by a time otherwise.
fn value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::I64(_) | AttributeValue::F64(_) => Value::Float(number(value).unwrap_or_default()),
        text => Value::from(cut(&text.as_str(), LONGEST_TEXT)),
    }
}

fn kind(value: &Value) -> String {
    format!("of type {:?}", value.type_of()).to_lowercase()
}

/// What an expression names and how often it loops.
#[derive(Default)]
struct Seen {
    loops: usize,
    unknown: Option<String>,
    /// Names that the loops around declare.
    declared: Vec<String>,
    /// Attributes that are named: `attributes["voce.tts.characters"]`, `attributes.x`.
    attributes: Vec<String>,
    /// Whether they are also looked at in any other way.
    all_attributes: bool,
}

impl Seen {
    fn look_at(&mut self, expression: &IdedExpr) {
        match &expression.expr {
            Expr::Select(select) if is_attributes(&select.operand) => {
                self.attributes.push(select.field.clone());
            }
            Expr::Ident(name) => {
                self.all_attributes |= name == ATTRIBUTES;
                let known = VARIABLES.contains(&name.as_str())
                    || TYPES.contains(&name.as_str())
                    || self.declared.contains(name);
                if !known {
                    self.unknown.get_or_insert_with(|| name.clone());
                }
            }
            Expr::Call(call) => {
                if let Some(key) = index_of(call) {
                    self.attributes.push(key.to_owned());
                    return;
                }
                call.target.iter().for_each(|target| self.look_at(target));
                call.args.iter().for_each(|argument| self.look_at(argument));
            }
            Expr::Comprehension(each) => {
                self.loops += 1;
                self.look_at(&each.iter_range);
                let before = self.declared.len();
                self.declared.push(each.accu_var.clone());
                self.declared.push(each.iter_var.clone());
                self.declared.extend(each.iter_var2.clone());
                for part in [&each.accu_init, &each.loop_cond, &each.loop_step, &each.result] {
                    self.look_at(part);
                }
                self.declared.truncate(before);
            }
            Expr::List(list) => list.elements.iter().for_each(|element| self.look_at(element)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.look_into(&entry.expr)),
            Expr::Struct(structure) => structure.entries.iter().for_each(|entry| self.look_into(&entry.expr)),
            Expr::Select(select) => self.look_at(&select.operand),
            Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn look_into(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.look_at(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.look_at(&entry.key);
                self.look_at(&entry.value);
            }
        }
    }
}

fn is_attributes(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Ident(name) if name == ATTRIBUTES)
}

/// The key of `attributes["key"]`.
fn index_of(call: &CallExpr) -> Option<&str> {
    match &call.args[..] {
        [map, key] if call.func_name == INDEX && is_attributes(map) => match &key.expr {
            Expr::Literal(LiteralValue::String(key)) => Some(key.inner()),
            _ => None,
        },
        _ => None,
    }
}
