//! What a program says, none of its lines longer than a message may be: the protocol's reader waits for the end of a line,
//! however much memory that takes.
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// A program's output. Reading fails at a line that is too long.
pub struct Lines<R> {
    from: R,
    longest: usize,
    /// Bytes of the line that has begun.
    begun: usize,
}

impl<R> Lines<R> {
    /// Lets lines of up to `longest` bytes through.
    pub fn new(from: R, longest: usize) -> Self {
        Self { from, longest, begun: 0 }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Lines<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.from).poll_read(context, buffer))?;
        for part in buffer.filled()[before..].split_inclusive(|byte| *byte == b'\n') {
            self.begun += part.len();
            if self.begun > self.longest {
                let reason = format!("a message of more than {} bytes", self.longest);
                tracing::warn!(reason, "an MCP server's connection ends");
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, reason)));
            }
            if part.ends_with(b"\n") {
                self.begun = 0;
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn read(text: &str) -> Result<String, String> {
        let mut whole = String::new();
        // In pieces, as a pipe gives them.
        let mut lines = Lines::new(tokio::io::BufReader::with_capacity(3, text.as_bytes()), 8);
        lines.read_to_string(&mut whole).await.map(|_| whole).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_an_error_and_many_short_ones_are_none() {
        let short = "1234567\n".repeat(100);
        assert_eq!(read(&short).await, Ok(short));
        for long in ["12345678\n", "1\n123456789", "1234567\n1234567\n123456789"] {
            assert!(read(long).await.is_err_and(|error| error.contains("more than 8 bytes")), "{long}");
        }
    }
}
