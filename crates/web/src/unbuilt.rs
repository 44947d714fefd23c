//! What `/` shows in a binary that was built without the page.

// The policy allows no inline style, so this is plain HTML.
pub const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>voce</title></head>
<body>
<h1>voce is running, but its page is not in this binary.</h1>
<p>The page is built with Node 20 or later and embedded by the next build of the server:</p>
<pre>
./scripts/page
cargo build --release
</pre>
<p>or by hand:</p>
<pre>
cd crates/web/page
npm ci
npm run build
cd ../../..
cargo build --release
</pre>
<p>Everything else works without it: <code>voce talk question.wav --out answer.wav</code> asks from a file.</p>
</body>
</html>
"#;
