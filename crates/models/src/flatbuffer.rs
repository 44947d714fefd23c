//! Reading FlatBuffers without generated code: tables, vectors, strings. Every offset is checked, a damaged
//! file gives an error.
//!
//! A slot is a field's place in the table's index as generated code shows it: 4, 6, 8 and so on.
use prost::bytes::Bytes;

use crate::ModelError;

type Read<T> = Result<T, ModelError>;

/// A table at a place in a buffer. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Table {
    buffer: Bytes,
    at: usize,
}

impl Table {
    /// The outermost table of a buffer that carries `identifier`.
    pub(crate) fn root(buffer: Bytes, identifier: &[u8; 4]) -> Read<Self> {
        if buffer.get(4..8) != Some(identifier.as_slice()) {
            let name = String::from_utf8_lossy(identifier);
            return Err(ModelError::graph(format!("not a file of the kind {name}")));
        }
        let at = offset(&buffer, 0)?;
        Ok(Self { buffer, at })
    }

    /// A field of four bytes.
    pub(crate) fn i32(&self, slot: usize) -> Read<i32> {
        Ok(self.scalar::<4>(slot)?.map_or(0, i32::from_le_bytes))
    }

    /// A field of eight bytes.
    pub(crate) fn i64(&self, slot: usize) -> Read<i64> {
        Ok(self.scalar::<8>(slot)?.map_or(0, i64::from_le_bytes))
    }

    /// A field of one byte.
    pub(crate) fn u8(&self, slot: usize) -> Read<u8> {
        Ok(self.scalar::<1>(slot)?.map_or(0, u8::from_le_bytes))
    }

    /// A field of four bytes that is a number with a point.
    pub(crate) fn f32(&self, slot: usize) -> Read<f32> {
        Ok(self.scalar::<4>(slot)?.map_or(0.0, f32::from_le_bytes))
    }

    /// A text; empty where it is not there.
    pub(crate) fn text(&self, slot: usize) -> Read<String> {
        match self.field(slot)? {
            None => Ok(String::new()),
            Some(field) => text_at(&self.buffer, follow(&self.buffer, field)?),
        }
    }

    /// A table inside this one.
    pub(crate) fn table(&self, slot: usize) -> Read<Option<Self>> {
        let Some(field) = self.field(slot)? else { return Ok(None) };
        Ok(Some(Self { buffer: self.buffer.clone(), at: follow(&self.buffer, field)? }))
    }

    /// A list of tables.
    pub(crate) fn tables(&self, slot: usize) -> Read<Vec<Self>> {
        let table = |field| Ok(Self { buffer: self.buffer.clone(), at: follow(&self.buffer, field)? });
        self.elements(slot, 4)?.map(table).collect()
    }

    /// A list of texts.
    pub(crate) fn texts(&self, slot: usize) -> Read<Vec<String>> {
        self.elements(slot, 4)?.map(|field| text_at(&self.buffer, follow(&self.buffer, field)?)).collect()
    }

    /// A list of integers.
    pub(crate) fn i64s(&self, slot: usize) -> Read<Vec<i64>> {
        self.elements(slot, 8)?.map(|at| Ok(i64::from_le_bytes(array(&self.buffer, at)?))).collect()
    }

    /// A list of numbers with a point.
    pub(crate) fn f32s(&self, slot: usize) -> Read<Vec<f32>> {
        self.elements(slot, 4)?.map(|at| Ok(f32::from_le_bytes(array(&self.buffer, at)?))).collect()
    }

    /// A list of bytes, not copied.
    pub(crate) fn bytes(&self, slot: usize) -> Read<Bytes> {
        let places = self.elements(slot, 1)?;
        let range = places.start..places.end;
        if range.end > self.buffer.len() { Err(damaged()) } else { Ok(self.buffer.slice(range)) }
    }

    fn scalar<const N: usize>(&self, slot: usize) -> Read<Option<[u8; N]>> {
        self.field(slot)?.map(|at| array(&self.buffer, at)).transpose()
    }

    /// Where a field lies. None: it has its default.
    fn field(&self, slot: usize) -> Read<Option<usize>> {
        let back = i32::from_le_bytes(array(&self.buffer, self.at)?);
        let index = i64::try_from(self.at).map_err(|_| damaged())? - i64::from(back);
        let index = usize::try_from(index).map_err(|_| damaged())?;
        let length = usize::from(u16::from_le_bytes(array(&self.buffer, index)?));
        if slot >= length {
            return Ok(None);
        }
        let inside = usize::from(u16::from_le_bytes(array(&self.buffer, index + slot)?));
        Ok((inside != 0).then_some(self.at + inside))
    }

    /// The places of a list's elements.
    fn elements(&self, slot: usize, width: usize) -> Read<Places> {
        let Some(field) = self.field(slot)? else { return Ok(Places { start: 0, end: 0, width }) };
        let list = follow(&self.buffer, field)?;
        let count = offset(&self.buffer, list)?;
        let start = list + 4;
        let end = count.checked_mul(width).and_then(|bytes| start.checked_add(bytes)).ok_or_else(damaged)?;
        if end > self.buffer.len() { Err(damaged()) } else { Ok(Places { start, end, width }) }
    }
}

struct Places {
    start: usize,
    end: usize,
    width: usize,
}

impl Iterator for Places {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let at = self.start;
        (at < self.end).then(|| {
            self.start += self.width;
            at
        })
    }
}

fn text_at(buffer: &Bytes, at: usize) -> Read<String> {
    let length = offset(buffer, at)?;
    let bytes = at.checked_add(4 + length).and_then(|end| buffer.get(at + 4..end)).ok_or_else(damaged)?;
    String::from_utf8(bytes.to_vec()).map_err(|_| damaged())
}

fn follow(buffer: &Bytes, at: usize) -> Read<usize> {
    at.checked_add(offset(buffer, at)?).ok_or_else(damaged)
}

fn offset(buffer: &Bytes, at: usize) -> Read<usize> {
    usize::try_from(u32::from_le_bytes(array(buffer, at)?)).map_err(|_| damaged())
}

fn array<const N: usize>(buffer: &Bytes, at: usize) -> Read<[u8; N]> {
    let bytes = at.checked_add(N).and_then(|end| buffer.get(at..end)).ok_or_else(damaged)?;
    bytes.try_into().map_err(|_| damaged())
}

fn damaged() -> ModelError {
    ModelError::graph("the flatbuffer is damaged: an offset points outside of the file")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with a text in slot 4 and a list of integers in slot 6.
    fn buffer() -> Vec<u8> {
        let mut bytes = vec![0; 0];
        bytes.extend(16_u32.to_le_bytes());
        bytes.extend(b"TEST");
        // The table's index at 8: its length, the table's length, two fields.
        bytes.extend([8_u16, 12, 4, 8].iter().flat_map(|number| number.to_le_bytes()));
        // The table at 16.
        bytes.extend(8_i32.to_le_bytes());
        bytes.extend(8_u32.to_le_bytes());
        bytes.extend(12_u32.to_le_bytes());
        // The text at 28, the list at 36.
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend(b"ab\0\0");
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend([7_i64, -1].iter().flat_map(|number| number.to_le_bytes()));
        bytes
    }

    #[test]
    fn fields_are_read_and_absent_ones_have_their_default() {
        let table = Table::root(buffer().into(), b"TEST").unwrap();
        assert_eq!(table.text(4).unwrap(), "ab");
        assert_eq!(table.i64s(6).unwrap(), [7, -1]);
        assert_eq!(table.i32(8).unwrap(), 0);
        assert!(table.table(10).unwrap().is_none());
        assert!(table.tables(12).unwrap().is_empty());
    }

    #[test]
    fn a_damaged_buffer_is_an_error_and_never_a_panic() {
        let whole = buffer();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                for end in [whole.len(), at] {
                    let Ok(table) = Table::root(Bytes::copy_from_slice(&bytes[..end]), b"TEST") else {
                        continue;
                    };
                    drop((table.text(4), table.i64s(6), table.table(4), table.tables(6), table.bytes(6)));
                }
            }
        }
    }
}
