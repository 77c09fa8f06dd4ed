//! The links of a group, wherever they are stored.

use bytes::Bytes;

use super::{
    File,
    cursor::{Cursor, damaged},
    heap::{self, Fractal, bytes_for},
    message::link,
};
use crate::FormatError;

/// Deeper trees than any file of this size needs.
const MAX_DEPTH: u16 = 32;

/// Links in a symbol table: a tree of nodes whose names are in a local heap.
pub(super) fn symbol_table(file: &File, tree: u64, names: u64) -> Result<Vec<(String, u64)>, FormatError> {
    let names = heap::local(file, names)?;
    let mut links = Vec::new();
    let mut open = vec![(tree, None)];
    while let Some((address, above)) = open.pop() {
        file.step(1)?;
        let mut cursor = file.at(address)?;
        if cursor.clone().take(4)?.as_ref() == b"SNOD" {
            symbols(file, &mut cursor, &names, &mut links)?;
            continue;
        }
        cursor.expect(b"TREE")?;
        if cursor.u8()? != 0 {
            return Err(damaged("an HDF5 group is indexed as data"));
        }
        let level = cursor.u8()?;
        if above.is_some_and(|above| level >= above) {
            return Err(damaged("the tree of an HDF5 group leads back to itself"));
        }
        let count = usize::from(cursor.u16()?);
        cursor.skip(16)?;
        let first = open.len();
        for _ in 0..count {
            file.step(1)?;
            cursor.skip(8)?;
            open.push((cursor.address()?.ok_or_else(|| damaged("an HDF5 group lacks a part"))?, Some(level)));
        }
        // The stack gives the last first; the order of the file is the order of the names.
        if let Some(children) = open.get_mut(first..) {
            children.reverse();
        }
    }
    Ok(links)
}

fn symbols(file: &File, cursor: &mut Cursor, names: &[u8], links: &mut Vec<(String, u64)>) -> Result<(), FormatError> {
    cursor.skip(6)?;
    let count = cursor.u16()?;
    for _ in 0..count {
        let offset = cursor.size(8)?;
        let address = cursor.address()?;
        let kind = cursor.u32()?;
        cursor.skip(4 + 16)?;
        let name = names.get(offset..).ok_or_else(|| damaged("the name of an HDF5 link is outside its heap"))?;
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        file.step(name.len())?;
        // Kind 2 is a symbolic link.
        if let (Some(address), 0 | 1) = (address, kind) {
            links.push((String::from_utf8_lossy(name).into_owned(), address));
        }
    }
    Ok(())
}

/// Links in a fractal heap, listed by a tree.
pub(super) fn dense(file: &File, heap: u64, tree: u64) -> Result<Vec<(String, u64)>, FormatError> {
    let heap = Fractal::read(file, heap)?;
    let mut links = Vec::new();
    records(file, tree, |record| {
        let id = record.slice(record.len().min(4)..);
        if let Some(found) = link(&mut Cursor::new(heap.object(id)?))? {
            file.step(found.0.len())?;
            links.push(found);
        }
        Ok(())
    })?;
    Ok(links)
}

/// Calls `visit` with the records of a tree of version 2.
pub(super) fn records(
    file: &File,
    tree: u64,
    mut visit: impl FnMut(Bytes) -> Result<(), FormatError>,
) -> Result<(), FormatError> {
    let mut cursor = file.at(tree)?;
    cursor.expect(b"BTHD")?;
    cursor.skip(2)?;
    let node_size = u64::from(cursor.u32()?);
    let record = u64::from(cursor.u16()?);
    let depth = cursor.u16()?;
    cursor.skip(2)?;
    let root = cursor.address()?;
    let count = usize::from(cursor.u16()?);
    let bad = || damaged("an HDF5 tree has nodes of an impossible size");
    if record == 0 || depth > MAX_DEPTH || node_size <= 10 {
        return Err(bad());
    }
    let Some(root) = root else { return Ok(()) };

    // How many bytes the numbers beside a child's address take, by the child's level.
    let leaf = (node_size - 10) / record;
    let count_bytes = bytes_for(leaf);
    let mut total_bytes = vec![0];
    let mut total = leaf;
    for level in 1..=depth {
        let pointer = 8 + count_bytes + if level > 1 { bytes_for(total) } else { 0 };
        let own = (node_size - 10).checked_sub(pointer as u64).ok_or_else(bad)? / (record + pointer as u64);
        if level > 1 {
            total_bytes.push(bytes_for(total));
        }
        total = own.saturating_add(1).saturating_mul(total).saturating_add(own);
    }

    let mut open = vec![(root, count, depth)];
    while let Some((address, count, level)) = open.pop() {
        file.step(1)?;
        let mut cursor = file.at(address)?;
        cursor.expect(if level == 0 { b"BTLF" } else { b"BTIN" })?;
        cursor.skip(2)?;
        for _ in 0..count {
            file.step(1)?;
            visit(cursor.take(record as usize)?)?;
        }
        if level > 0 {
            let extra = total_bytes.get(usize::from(level) - 1).copied().ok_or_else(bad)?;
            for _ in 0..=count {
                file.step(1)?;
                let child = cursor.address()?.ok_or_else(bad)?;
                let children = cursor.size(count_bytes)?;
                cursor.skip(extra)?;
                open.push((child, children, level - 1));
            }
        }
    }
    Ok(())
}
