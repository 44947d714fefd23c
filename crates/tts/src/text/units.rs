//! What stands behind a number: units, their singular and plural, and money.
use super::{
    Accent,
    numbers::{Number, cardinal, parse},
};

/// Unit as written, one of it, many of it.
const UNITS: &[(&str, &str, &str)] = &[
    ("km/h", "kilometer per hour", "kilometers per hour"),
    ("m/s", "meter per second", "meters per second"),
    ("L/min", "liter per minute", "liters per minute"),
    ("l/min", "liter per minute", "liters per minute"),
    ("l/h", "liter per hour", "liters per hour"),
    ("L/h", "liter per hour", "liters per hour"),
    ("mg/l", "milligram per liter", "milligrams per liter"),
    ("Mbit/s", "megabit per second", "megabits per second"),
    ("MB/s", "megabyte per second", "megabytes per second"),
    ("m³/h", "cubic meter per hour", "cubic meters per hour"),
    ("rpm", "revolution per minute", "revolutions per minute"),
    ("RPM", "revolution per minute", "revolutions per minute"),
    ("mph", "mile per hour", "miles per hour"),
    ("kmh", "kilometer per hour", "kilometers per hour"),
    ("m²", "square meter", "square meters"),
    ("m2", "square meter", "square meters"),
    ("km²", "square kilometer", "square kilometers"),
    ("cm²", "square centimeter", "square centimeters"),
    ("m³", "cubic meter", "cubic meters"),
    ("m3", "cubic meter", "cubic meters"),
    ("cm³", "cubic centimeter", "cubic centimeters"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("Wh", "watt hour", "watt hours"),
    ("Ah", "amp hour", "amp hours"),
    ("mAh", "milliamp hour", "milliamp hours"),
    ("°C", "degree Celsius", "degrees Celsius"),
    ("℃", "degree Celsius", "degrees Celsius"),
    ("°F", "degree Fahrenheit", "degrees Fahrenheit"),
    ("℉", "degree Fahrenheit", "degrees Fahrenheit"),
    ("°", "degree", "degrees"),
    ("%", "percent", "percent"),
    ("‰", "per mille", "per mille"),
    ("kg", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("mg", "milligram", "milligrams"),
    ("µg", "microgram", "micrograms"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("km", "kilometer", "kilometers"),
    ("m", "meter", "meters"),
    ("dm", "decimeter", "decimeters"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("µm", "micrometer", "micrometers"),
    ("nm", "nanometer", "nanometers"),
    ("mi", "mile", "miles"),
    ("ft", "foot", "feet"),
    ("yd", "yard", "yards"),
    ("l", "liter", "liters"),
    ("L", "liter", "liters"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("cl", "centiliter", "centiliters"),
    ("gal", "gallon", "gallons"),
    ("V", "volt", "volts"),
    ("kV", "kilovolt", "kilovolts"),
    ("mV", "millivolt", "millivolts"),
    ("A", "amp", "amps"),
    ("mA", "milliamp", "milliamps"),
    ("W", "watt", "watts"),
    ("kW", "kilowatt", "kilowatts"),
    ("MW", "megawatt", "megawatts"),
    ("VA", "volt amp", "volt amps"),
    ("Hz", "hertz", "hertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("GHz", "gigahertz", "gigahertz"),
    ("Ω", "ohm", "ohms"),
    ("kΩ", "kilohm", "kilohms"),
    ("N", "newton", "newtons"),
    ("Nm", "newton meter", "newton meters"),
    ("J", "joule", "joules"),
    ("kJ", "kilojoule", "kilojoules"),
    ("Pa", "pascal", "pascals"),
    ("kPa", "kilopascal", "kilopascals"),
    ("hPa", "hectopascal", "hectopascals"),
    ("MPa", "megapascal", "megapascals"),
    ("bar", "bar", "bar"),
    ("mbar", "millibar", "millibars"),
    ("psi", "PSI", "PSI"),
    ("dB", "decibel", "decibels"),
    ("dBA", "decibel", "decibels"),
    ("hp", "horsepower", "horsepower"),
    ("K", "kelvin", "kelvin"),
    ("s", "second", "seconds"),
    ("sec", "second", "seconds"),
    ("ms", "millisecond", "milliseconds"),
    ("µs", "microsecond", "microseconds"),
    ("ns", "nanosecond", "nanoseconds"),
    ("min", "minute", "minutes"),
    ("mins", "minute", "minutes"),
    ("h", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("kB", "kilobyte", "kilobytes"),
    ("KB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("GiB", "gibibyte", "gibibytes"),
    ("MiB", "mebibyte", "mebibytes"),
    ("kbit/s", "kilobit per second", "kilobits per second"),
    ("Mbps", "megabit per second", "megabits per second"),
    ("Gbps", "gigabit per second", "gigabits per second"),
    ("px", "pixel", "pixels"),
    ("pH", "PH", "PH"),
    ("ppm", "part per million", "parts per million"),
    ("\"", "inch", "inches"),
    ("″", "inch", "inches"),
];

/// Units that are letters or words of their own: taken for a unit only right behind the digits or where the
/// next rule is sure.
const ONLY_ATTACHED: &[&str] = &["\"", "″", "K", "in", "m2", "m3"];

/// Sign, one, many, one hundredth, hundredths.
const CURRENCIES: &[(&str, &str, &str, &str, &str)] = &[
    ("$", "dollar", "dollars", "cent", "cents"),
    ("US$", "dollar", "dollars", "cent", "cents"),
    ("USD", "dollar", "dollars", "cent", "cents"),
    ("€", "euro", "euros", "cent", "cents"),
    ("EUR", "euro", "euros", "cent", "cents"),
    ("£", "pound", "pounds", "penny", "pence"),
    ("GBP", "pound", "pounds", "penny", "pence"),
    ("¥", "yen", "yen", "", ""),
    ("₹", "rupee", "rupees", "paisa", "paise"),
    ("CHF", "franc", "francs", "centime", "centimes"),
    ("¢", "cent", "cents", "", ""),
];

/// Words that may stand between an amount and its currency.
const MAGNITUDES: &[(&str, &str)] = &[
    ("k", "thousand"),
    ("K", "thousand"),
    ("m", "million"),
    ("M", "million"),
    ("bn", "billion"),
    ("B", "billion"),
    ("hundred", "hundred"),
    ("thousand", "thousand"),
    ("million", "million"),
    ("billion", "billion"),
    ("trillion", "trillion"),
];

/// The unit written as `unit`, in the number that fits `number`. `attached`: it touches the digits.
pub fn unit(unit: &str, number: &Number, attached: bool) -> Option<&'static str> {
    if !attached && ONLY_ATTACHED.contains(&unit) {
        return None;
    }
    // Two different characters look like micro: the sign and the Greek letter.
    let unit = unit.replace('μ', "µ");
    let &(_, one, many) = UNITS.iter().find(|(written, ..)| *written == unit)?;
    Some(if number.is_one() { one } else { many })
}

/// Splits `text` into the number in front and the rest, if it begins with one.
pub fn number_and_rest(text: &str) -> Option<(Number, &str)> {
    let sign = usize::from(text.starts_with(['-', '+'])) + 2 * usize::from(text.starts_with('−'));
    let sign = if text.starts_with('−') { '−'.len_utf8() } else { sign };
    let end = text[sign..]
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
        .map_or(text.len(), |at| at + sign);
    let number = parse(&text[..end])?;
    Some((number, &text[end..]))
}

/// "$12.50", "€3", "£1,000", "$5k", and with the word behind it "$3 million". Returns the words and whether
/// `next` was used.
pub fn money(text: &str, next: Option<&str>, accent: Accent) -> Option<(String, bool)> {
    let (minus, text) = text.strip_prefix(['-', '−']).map_or((false, text), |rest| (true, rest));
    let sign = CURRENCIES.iter().rev().find(|currency| text.starts_with(currency.0));
    let (currency, mut number, rest) = match sign {
        Some(currency) => {
            let (number, rest) = number_and_rest(&text[currency.0.len()..])?;
            (currency, number, rest)
        }
        None => {
            let (number, rest) = number_and_rest(text)?;
            let currency = CURRENCIES.iter().find(|currency| currency.0 == rest)?;
            (currency, number, "")
        }
    };
    number.minus |= minus;
    let magnitude = |written: &str| MAGNITUDES.iter().find(|(short, _)| *short == written).map(|m| m.1);
    if !rest.is_empty() {
        return Some((format!("{} {} {}", number.words(accent), magnitude(rest)?, currency.2), false));
    }
    if let Some(word) = next.filter(|word| word.len() > 3).and_then(magnitude) {
        return Some((format!("{} {word} {}", number.words(accent), currency.2), true));
    }
    Some((amount(&number, currency, accent), false))
}

/// An amount and the currency named behind it: "3 €", "20 USD".
pub fn money_behind(number: &Number, sign: &str, accent: Accent) -> Option<String> {
    let currency = CURRENCIES.iter().find(|currency| currency.0 == sign)?;
    Some(amount(number, currency, accent))
}

fn amount(number: &Number, currency: &(&str, &str, &str, &str, &str), accent: Accent) -> String {
    let &(_, one, many, cent, cents) = currency;
    let minus = if number.minus { "minus " } else { "" };
    let hundredths = match &number.decimals {
        Some(decimals) if decimals.len() == 2 && !cent.is_empty() => decimals.parse::<u64>().ok(),
        Some(_) => None,
        None => Some(0),
    };
    let (Some(hundredths), Ok(whole)) = (hundredths, number.whole.parse::<u64>()) else {
        return format!("{} {many}", number.words(accent));
    };
    let small = format!("{} {}", cardinal(hundredths, accent), if hundredths == 1 { cent } else { cents });
    let large = format!("{} {}", cardinal(whole, accent), if whole == 1 { one } else { many });
    match (whole, hundredths) {
        (_, 0) => format!("{minus}{large}"),
        (0, _) => format!("{minus}{small}"),
        _ => format!("{minus}{large} and {small}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_with_its_small_coins() {
        let cases = [
            ("$12.50", "twelve dollars and fifty cents"),
            ("€3", "three euros"),
            ("£1,000", "one thousand pounds"),
            ("£1", "one pound"),
            ("$0.99", "ninety-nine cents"),
            ("-$5", "minus five dollars"),
            ("$5k", "five thousand dollars"),
            ("¥500", "five hundred yen"),
            ("$1.5", "one point five dollars"),
            ("3€", "three euros"),
        ];
        for (written, spoken) in cases {
            assert_eq!(money(written, None, Accent::American).unwrap().0, spoken, "{written}");
        }
        let (words, used) = money("$3.2", Some("million"), Accent::American).unwrap();
        assert_eq!((words.as_str(), used), ("three point two million dollars", true));
        assert!(money("12", None, Accent::American).is_none());
    }

    #[test]
    fn units_follow_the_number() {
        let one = parse("1").unwrap();
        let many = parse("3.5").unwrap();
        assert_eq!(unit("kg", &one, false), Some("kilogram"));
        assert_eq!(unit("kg", &many, false), Some("kilograms"));
        assert_eq!(unit("bar", &many, false), Some("bar"));
        assert_eq!(unit("μm", &many, true), Some("micrometers"));
        assert_eq!(unit("K", &many, false), None);
        assert_eq!(unit("cats", &many, false), None);
    }
}
