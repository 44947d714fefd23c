//! A JSON string, a character at a time: escapes become what they mean, also when they are written wrongly.

/// What is known of an escape.
#[derive(Debug, Default)]
enum Escape {
    #[default]
    None,
    Begun,
    /// The digits of `\u` so far: their value and how many they are.
    Code(u32, u8),
}

/// Decodes the inside of a string.
#[derive(Debug, Default)]
pub struct Decoder {
    escape: Escape,
    /// The first half of a pair.
    high: Option<u32>,
}

impl Decoder {
    /// Takes one character; whether it is the quote that ends the string.
    pub fn push(&mut self, character: char, out: &mut String) -> bool {
        match std::mem::take(&mut self.escape) {
            Escape::None => match character {
                '"' => {
                    self.lone_half(out);
                    return true;
                }
                '\\' => self.escape = Escape::Begun,
                _ => {
                    self.lone_half(out);
                    out.push(character);
                }
            },
            Escape::Begun if character == 'u' => self.escape = Escape::Code(0, 0),
            Escape::Begun => {
                self.lone_half(out);
                escaped(character, out);
            }
            Escape::Code(value, digits) => match character.to_digit(16) {
                Some(digit) if digits == 3 => self.unit(value * 16 + digit, out),
                Some(digit) => self.escape = Escape::Code(value * 16 + digit, digits + 1),
                None => {
                    self.lone_half(out);
                    return self.push(character, out);
                }
            },
        }
        false
    }

    /// Takes one unit of UTF-16.
    fn unit(&mut self, unit: u32, out: &mut String) {
        match (self.high.take(), unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (unit - 0xdc00);
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (before, 0xd800..=0xdbff) => {
                out.extend(before.map(|_| char::REPLACEMENT_CHARACTER));
                self.high = Some(unit);
            }
            (before, _) => {
                out.extend(before.map(|_| char::REPLACEMENT_CHARACTER));
                out.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
    }

    /// Half a pair that nothing followed.
    fn lone_half(&mut self, out: &mut String) {
        out.extend(self.high.take().map(|_| char::REPLACEMENT_CHARACTER));
    }
}

fn escaped(character: char, out: &mut String) {
    match character {
        'n' => out.push('\n'),
        't' => out.push('\t'),
        'r' => out.push('\r'),
        'b' => out.push('\u{8}'),
        'f' => out.push('\u{c}'),
        // Models forget to write a backslash twice: `\d` in a pattern.
        letter if letter.is_alphanumeric() => out.extend(['\\', letter]),
        mark => out.push(mark),
    }
}
