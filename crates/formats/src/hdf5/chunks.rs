//! Data sets in chunks, compressed or not.

use std::borrow::Cow;

use innspect_files::inflate;

use super::{File, cursor::damaged, message::Filter};
use crate::FormatError;

/// Undoes the filters of one chunk, whose elements take `size` bytes as a whole.
pub(super) fn unfilter<'a>(
    stored: &'a [u8],
    filters: &[Filter],
    mask: u32,
    element: usize,
    size: usize,
) -> Result<Cow<'a, [u8]>, FormatError> {
    let mut data = Cow::Borrowed(stored);
    for (index, filter) in filters.iter().enumerate().rev() {
        if index < 32 && mask & 1 << index != 0 {
            continue;
        }
        data = match filter {
            // The checksum comes behind the data that the filters before it made.
            Filter::Gzip => Cow::Owned(inflate::zlib(&data, size.saturating_add(4))?),
            Filter::Checksum => {
                let end = data.len().saturating_sub(4);
                Cow::Owned(data.get(..end).unwrap_or_default().to_vec())
            }
            Filter::Shuffle => Cow::Owned(unshuffle(&data, element)),
        };
    }
    if data.len() != size {
        return Err(damaged(format!("an HDF5 chunk has {} bytes instead of {size}", data.len())));
    }
    Ok(data)
}

/// Brings the bytes of each element together again.
fn unshuffle(data: &[u8], element: usize) -> Vec<u8> {
    let count = data.len().checked_div(element).unwrap_or_default();
    if count == 0 || element < 2 {
        return data.to_vec();
    }
    let mut result = Vec::with_capacity(data.len());
    for index in 0..count {
        result.extend(data.iter().skip(index).step_by(count).take(element));
    }
    result.extend(data.iter().skip(count * element));
    result
}

/// All elements of a data set whose chunks are listed by a tree.
pub(super) fn read(
    file: &File,
    tree: u64,
    dims: &[usize],
    chunk: &[usize],
    element: usize,
    filters: &[Filter],
) -> Result<Vec<u8>, FormatError> {
    let (Some(&last), Some(chunk_dims)) = (chunk.last(), chunk.get(..chunk.len().saturating_sub(1))) else {
        return Err(damaged("an HDF5 chunk has no size"));
    };
    if last != element || chunk_dims.len() != dims.len() || chunk_dims.contains(&0) {
        return Err(damaged("an HDF5 data set has chunks of another shape"));
    }
    let product = |sizes: &[usize]| sizes.iter().try_fold(element, |product, &size| product.checked_mul(size));
    let (Some(total), Some(size)) = (product(dims), product(chunk_dims)) else {
        return Err(damaged("an HDF5 data set is larger than any memory"));
    };
    // Chunks reach beyond the data at most by themselves, so this is what they could need in all.
    if size > total.saturating_mul(4).saturating_add(1 << 20) {
        return Err(damaged("an HDF5 data set has chunks larger than itself"));
    }
    let mut result = vec![0; total];
    let mut open = vec![(tree, None)];
    while let Some((address, above)) = open.pop() {
        file.step(1)?;
        let mut cursor = file.at(address)?;
        cursor.expect(b"TREE")?;
        if cursor.u8()? != 1 {
            return Err(damaged("an HDF5 data set is indexed as a group"));
        }
        let level = cursor.u8()?;
        if above.is_some_and(|above| level >= above) {
            return Err(damaged("the tree of an HDF5 data set leads back to itself"));
        }
        let count = cursor.u16()?;
        cursor.skip(16)?;
        for _ in 0..count {
            file.step(1)?;
            let stored = cursor.size(4)?;
            let mask = cursor.u32()?;
            let offsets = (0..dims.len()).map(|_| cursor.size(8)).collect::<Result<Vec<_>, _>>()?;
            cursor.skip(8)?;
            let child = cursor.address()?.ok_or_else(|| damaged("an HDF5 chunk is missing"))?;
            if level > 0 {
                open.push((child, Some(level)));
                continue;
            }
            // Each chunk is some work; a file cannot name the same large one again and again.
            file.step(size / 16)?;
            let packed = file.slice(child, stored)?;
            let data = unfilter(&packed, filters, mask, element, size)?;
            place(&mut result, &data, dims, chunk_dims, &offsets, element);
        }
    }
    Ok(result)
}

/// Copies a chunk to its place, row by row; cells beyond the data are left out.
fn place(result: &mut [u8], data: &[u8], dims: &[usize], chunk: &[usize], offsets: &[usize], element: usize) {
    let rank = dims.len();
    let Some(inner) = rank.checked_sub(1) else {
        if result.len() == data.len() {
            result.copy_from_slice(data);
        }
        return;
    };
    let at = |sizes: &[usize], axis: usize| sizes.get(axis).copied().unwrap_or_default();
    let width = at(chunk, inner);
    let row = width * element;
    if row == 0 {
        return;
    }
    for (index, line) in data.chunks_exact(row).enumerate() {
        let mut rest = index;
        let mut target = 0usize;
        let mut stride = at(dims, inner);
        let mut inside = true;
        for axis in (0..inner).rev() {
            let position = at(offsets, axis).saturating_add(rest % at(chunk, axis).max(1));
            rest /= at(chunk, axis).max(1);
            inside &= position < at(dims, axis);
            target = target.saturating_add(position.saturating_mul(stride));
            stride = stride.saturating_mul(at(dims, axis));
        }
        let start = at(offsets, inner);
        let count = width.min(at(dims, inner).saturating_sub(start));
        let from = target.saturating_add(start).saturating_mul(element);
        if inside
            && let (Some(target), Some(line)) =
                (result.get_mut(from..from.saturating_add(count * element)), line.get(..count * element))
        {
            target.copy_from_slice(line);
        }
    }
}
