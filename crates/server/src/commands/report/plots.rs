//! Plots as inline SVG, drawn here. Across they are in percent and down in pixels, without a view box: so they fill any
//! width, and their letters keep their size on a telephone.
use std::fmt::Write;

use super::html::escape;

/// One plot that grows downwards.
pub struct Plot {
    body: String,
    height: f64,
    label: String,
}

/// A range of values along one direction.
#[derive(Clone, Copy)]
pub struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// From `low` to at least a little more.
    pub fn new(low: f64, high: f64) -> Self {
        Self { low, high: if high > low { high } else { low + 1.0 } }
    }

    /// Where a value lies, 0 to 1.
    pub fn share(self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// About `count` round values within.
    pub fn ticks(self, count: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / count as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|round| round * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let first = (self.low / step).ceil() * step;
        (0..)
            .map(|index| first + f64::from(index) * step)
            .take_while(|tick| *tick <= self.high + step * 1e-6)
            .collect()
    }
}

/// The part of the width that is drawn in, percent: letters at the sides need some room.
const LEFT: f64 = 1.0;
const WIDTH: f64 = 98.0;

/// Percent of the width.
fn x(share: f64) -> f64 {
    LEFT + WIDTH * share
}

impl Plot {
    /// An empty plot. `label` is what it shows, for those who cannot see it.
    pub fn new(label: &str, height: f64) -> Self {
        Self { body: String::new(), height, label: label.to_owned() }
    }

    /// A bar from one share of the width to another; `hint` is shown when it is pointed at.
    pub fn bar(&mut self, class: &str, from: f64, until: f64, y: f64, height: f64, hint: &str) {
        let (left, width) = (x(from), ((until - from) * WIDTH).max(0.15));
        let hint = escape(hint);
        let _ = write!(
            self.body,
            r#"<rect class="{class}" x="{left:.2}%" y="{y:.1}" width="{width:.2}%" height="{height:.1}"><title>{hint}</title></rect>"#
        );
    }

    pub fn dot(&mut self, class: &str, share: f64, y: f64, radius: f64, hint: &str) {
        let (left, hint) = (x(share), escape(hint));
        let _ = write!(
            self.body,
            r#"<circle class="{class}" cx="{left:.2}%" cy="{y:.1}" r="{radius}"><title>{hint}</title></circle>"#
        );
    }

    pub fn line(&mut self, class: &str, (from, y1): (f64, f64), (until, y2): (f64, f64)) {
        let (left, right) = (x(from), x(until));
        let _ = write!(
            self.body,
            r#"<line class="{class}" x1="{left:.2}%" y1="{y1:.1}" x2="{right:.2}%" y2="{y2:.1}"/>"#
        );
    }

    /// `anchor` is `start`, `middle` or `end`.
    pub fn text(&mut self, class: &str, share: f64, y: f64, anchor: &str, text: &str) {
        let (left, text) = (x(share), escape(text));
        let _ = write!(
            self.body,
            r#"<text class="{class}" x="{left:.2}%" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#
        );
    }

    /// Lines down from `top` to `bottom` at round values, the values below them.
    pub fn scale_across(&mut self, axis: Axis, top: f64, bottom: f64, write: impl Fn(f64) -> String) {
        for tick in axis.ticks(5) {
            let share = axis.share(tick);
            self.line("grid", (share, top), (share, bottom));
            let anchor = if share < 0.04 {
                "start"
            } else if share > 0.96 {
                "end"
            } else {
                "middle"
            };
            self.text("tick", share, bottom + 14.0, anchor, &write(tick));
        }
    }

    /// Lines across at round values, the values above them at the left.
    pub fn scale_down(&mut self, axis: Axis, top: f64, bottom: f64, write: impl Fn(f64) -> String) {
        for tick in axis.ticks(4) {
            let y = bottom - axis.share(tick) * (bottom - top);
            self.line("grid", (0.0, y), (1.0, y));
            self.text("tick", 0.0, y - 3.0, "start", &write(tick));
        }
    }

    /// The plot as markup.
    pub fn svg(self) -> String {
        format!(
            r#"<svg role="img" aria-label="{}" width="100%" height="{:.0}">{}</svg>"#,
            escape(&self.label),
            self.height,
            self.body
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(Axis::new(0.0, 1.0).ticks(5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(Axis::new(1.0, 5.0).ticks(5), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!(Axis::new(0.0, 0.0).ticks(5).len() > 1);
    }

    #[test]
    fn what_a_plot_says_is_escaped() {
        let mut plot = Plot::new("a \"<b>\"", 10.0);
        plot.text("t", 0.5, 1.0, "end", "<script>&");
        let svg = plot.svg();
        assert!(svg.contains("&lt;script&gt;&amp;") && svg.contains("a &quot;&lt;b&gt;&quot;"), "{svg}");
    }
}
