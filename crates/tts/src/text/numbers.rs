//! Numbers as words: cardinals, ordinals, decimals, years, digits. Pure; the caller finds the numbers.
use super::Accent;

const ONES: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const SCALES: [&str; 6] = ["", "thousand", "million", "billion", "trillion", "quadrillion"];

/// `1234` as "one thousand two hundred thirty-four"; a British voice says "and thirty-four".
/// Numbers from 10^18 on are read digit by digit.
pub fn cardinal(number: u64, accent: Accent) -> String {
    if number == 0 {
        return "zero".into();
    }
    if number >= 1_000_000_000_000_000_000 {
        return digits(&number.to_string());
    }
    let mut groups = Vec::new();
    let mut rest = number;
    while rest > 0 {
        groups.push(rest % 1000);
        rest /= 1000;
    }
    let mut words = Vec::new();
    for (power, &group) in groups.iter().enumerate().rev().filter(|(_, group)| **group > 0) {
        // "one thousand and five", but "one hundred thousand".
        let joins = power == 0 && group < 100 && number >= 1000 && accent == Accent::British;
        if joins {
            words.push("and".to_owned());
        }
        words.push(below_thousand(group, accent));
        if power > 0 {
            words.push(SCALES[power].to_owned());
        }
    }
    words.join(" ")
}

fn below_thousand(number: u64, accent: Accent) -> String {
    let (hundreds, rest) = (number / 100, number % 100);
    match (hundreds, rest) {
        (0, rest) => below_hundred(rest),
        (hundreds, 0) => format!("{} hundred", ONES[hundreds as usize]),
        (hundreds, rest) => {
            let and = if accent == Accent::British { "and " } else { "" };
            format!("{} hundred {and}{}", ONES[hundreds as usize], below_hundred(rest))
        }
    }
}

fn below_hundred(number: u64) -> String {
    match (number / 10, number % 10) {
        (0 | 1, _) => ONES[number as usize].to_owned(),
        (tens, 0) => TENS[tens as usize].to_owned(),
        (tens, ones) => format!("{}-{}", TENS[tens as usize], ONES[ones as usize]),
    }
}

/// `21` as "twenty-first".
pub fn ordinal(number: u64, accent: Accent) -> String {
    let cardinal = cardinal(number, accent);
    let split = cardinal.rfind([' ', '-']).map_or(0, |at| at + 1);
    let (head, last) = cardinal.split_at(split);
    let last = match last {
        "one" => "first".to_owned(),
        "two" => "second".to_owned(),
        "three" => "third".to_owned(),
        "five" => "fifth".to_owned(),
        "eight" => "eighth".to_owned(),
        "nine" => "ninth".to_owned(),
        "twelve" => "twelfth".to_owned(),
        tens if tens.ends_with('y') => format!("{}ieth", &tens[..tens.len() - 1]),
        other => format!("{other}th"),
    };
    format!("{head}{last}")
}

/// Each digit by itself: `0199` as "zero one nine nine". Other characters are left out.
pub fn digits(text: &str) -> String {
    let words: Vec<&str> =
        text.chars().filter_map(|c| c.to_digit(10)).map(|digit| ONES[digit as usize]).collect();
    words.join(" ")
}

/// A year: `1999` as "nineteen ninety-nine", `2005` as "two thousand five", `1905` as "nineteen oh five".
pub fn year(number: u64, accent: Accent) -> String {
    let (century, rest) = (number / 100, number % 100);
    match (century, rest) {
        (10 | 20, 0..=9) => cardinal(number, accent),
        (_, 0) => format!("{} hundred", below_hundred(century)),
        (_, 1..=9) => format!("{} oh {}", below_hundred(century), ONES[rest as usize]),
        _ => format!("{} {}", below_hundred(century), below_hundred(rest)),
    }
}

/// The plural of a number word: "nineties", "sixes".
pub fn plural(word: &str) -> String {
    match word {
        word if word.ends_with('y') => format!("{}ies", &word[..word.len() - 1]),
        word if word.ends_with('x') => format!("{word}es"),
        word => format!("{word}s"),
    }
}

/// A fraction in words: `3/4` as "three quarters", `1/2` as "one half".
pub fn fraction(numerator: u64, denominator: u64, accent: Accent) -> String {
    let top = cardinal(numerator, accent);
    match (denominator, numerator) {
        (2, 1) => format!("{top} half"),
        (2, _) => format!("{top} halves"),
        (4, 1) => format!("{top} quarter"),
        (4, _) => format!("{top} quarters"),
        (_, 1) => format!("{top} {}", ordinal(denominator, accent)),
        _ => format!("{top} {}s", ordinal(denominator, accent)),
    }
}

/// A number as written, if `text` is one: an optional sign, digits with or without thousands separators, and
/// an optional decimal part.
pub fn parse(text: &str) -> Option<Number> {
    let (minus, rest) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, decimals) = match rest.split_once('.') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (rest, None),
    };
    let grouped = whole.contains(',');
    if grouped {
        let mut parts = whole.split(',');
        let first = parts.next().unwrap_or_default();
        let right = (1..=3).contains(&first.len()) && parts.all(|part| part.len() == 3);
        if !right {
            return None;
        }
    }
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let whole: String = whole.chars().filter(|c| *c != ',').collect();
    let valid = match decimals {
        None => is_digits(&whole),
        Some(decimals) => is_digits(decimals) && (whole.is_empty() || is_digits(&whole)),
    };
    valid.then(|| Number { minus, whole, decimals: decimals.map(str::to_owned), grouped })
}

/// A number as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    /// Whether a minus stood before it.
    pub minus: bool,
    /// The digits before the point, without separators; may be empty.
    pub whole: String,
    /// The digits after the point.
    pub decimals: Option<String>,
    /// Whether thousands were separated, so that it is no year.
    pub grouped: bool,
}

impl Number {
    /// The value of a whole number, where it fits.
    pub fn integer(&self) -> Option<u64> {
        if self.decimals.is_some() || self.minus { None } else { self.whole.parse().ok() }
    }

    /// Whether the noun after it stands in the singular.
    pub fn is_one(&self) -> bool {
        self.decimals.is_none() && self.whole.trim_start_matches('0') == "1"
    }

    /// The number in words. Zeros in front ("007") mean that it is a name: digit by digit.
    pub fn words(&self, accent: Accent) -> String {
        let minus = if self.minus { "minus " } else { "" };
        let leading_zero = self.whole.len() > 1 && self.whole.starts_with('0');
        let whole = match self.whole.parse::<u64>() {
            _ if self.whole.is_empty() => "zero".to_owned(),
            Ok(number) if !leading_zero => cardinal(number, accent),
            _ => digits(&self.whole),
        };
        match &self.decimals {
            Some(decimals) => format!("{minus}{whole} point {}", digits(decimals)),
            None => format!("{minus}{whole}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_read_them() {
        let cases = [
            ("0", "zero"),
            ("7", "seven"),
            ("42", "forty-two"),
            ("100", "one hundred"),
            ("1,234", "one thousand two hundred thirty-four"),
            ("1000005", "one million five"),
            ("-3.5", "minus three point five"),
            (".25", "zero point two five"),
            ("007", "zero zero seven"),
            ("12.50", "twelve point five zero"),
        ];
        for (written, spoken) in cases {
            assert_eq!(parse(written).unwrap().words(Accent::American), spoken, "{written}");
        }
        assert_eq!(cardinal(1005, Accent::British), "one thousand and five");
        assert_eq!(cardinal(2120, Accent::British), "two thousand one hundred and twenty");
        assert!(parse("1,23").is_none() && parse("1.2.3").is_none() && parse("-").is_none());
        assert!(parse("99999999999999999999999").unwrap().words(Accent::American).starts_with("nine nine"));
    }

    #[test]
    fn ordinals_years_and_fractions_have_their_own_words() {
        let american = Accent::American;
        assert_eq!(ordinal(1, american), "first");
        assert_eq!(ordinal(12, american), "twelfth");
        assert_eq!(ordinal(20, american), "twentieth");
        assert_eq!(ordinal(103, american), "one hundred third");
        assert_eq!(year(1999, american), "nineteen ninety-nine");
        assert_eq!(year(1905, american), "nineteen oh five");
        assert_eq!(year(2005, american), "two thousand five");
        assert_eq!(year(2024, american), "twenty twenty-four");
        assert_eq!(year(1900, american), "nineteen hundred");
        assert_eq!(fraction(1, 2, american), "one half");
        assert_eq!(fraction(3, 4, american), "three quarters");
        assert_eq!(fraction(2, 3, american), "two thirds");
    }
}
