//! Spatial interpolation as two matrix products, so that every coordinate convention has an exact adjoint.

use innspect_graph::{ResizeCoordinates, ResizeMode};

use crate::{Device, Tensor};

/// The interpolation from one size to another: a matrix for each spatial axis.
#[derive(Clone, Debug)]
pub struct Matrices {
    from: [usize; 2],
    to: [usize; 2],
    /// `[to, from]` and its transpose, for rows and columns.
    axes: [(Tensor, Tensor); 2],
}

impl Matrices {
    /// The interpolation from `from` to `to`, both `[h, w]`.
    #[must_use]
    pub fn new(
        from: [usize; 2],
        to: [usize; 2],
        mode: ResizeMode,
        coordinates: ResizeCoordinates,
        device: &Device,
    ) -> Self {
        let axis = |index: usize| {
            let (rows, columns) = (to[index], from[index]);
            let matrix = matrix(columns, rows, mode, coordinates);
            let mut transposed = vec![0.0; matrix.len()];
            for row in 0..rows {
                for column in 0..columns {
                    transposed[column * rows + row] = matrix[row * columns + column];
                }
            }
            (Tensor::from_vec(matrix, &[rows, columns], device), Tensor::from_vec(transposed, &[columns, rows], device))
        };
        Self { from, to, axes: [axis(0), axis(1)] }
    }

    /// Interpolates `[n, c, from]` to `[n, c, to]`.
    #[must_use]
    pub fn apply(&self, x: &Tensor) -> Tensor {
        let columns = along_columns(x, &self.axes[1].1, self.to[1]);
        along_rows(&columns, &self.axes[0].1, self.to[0])
    }

    /// The adjoint of [`Self::apply`], `[n, c, to]` to `[n, c, from]`.
    #[must_use]
    pub fn adjoint(&self, g: &Tensor) -> Tensor {
        let columns = along_columns(g, &self.axes[1].0, self.from[1]);
        along_rows(&columns, &self.axes[0].0, self.from[0])
    }
}

fn along_columns(x: &Tensor, matrix: &Tensor, size: usize) -> Tensor {
    let dims = x.dims();
    let (batch, channels, rows, columns) = (dims[0], dims[1], dims[2], dims[3]);
    x.reshape(&[batch * channels * rows, columns]).matmul(matrix).reshape(&[batch, channels, rows, size])
}

fn along_rows(x: &Tensor, matrix: &Tensor, size: usize) -> Tensor {
    along_columns(&x.permute(&[0, 1, 3, 2]), matrix, size).permute(&[0, 1, 3, 2])
}

/// The `[to, from]` weights of one axis, row-major; each row sums to 1.
fn matrix(from: usize, to: usize, mode: ResizeMode, coordinates: ResizeCoordinates) -> Vec<f32> {
    let mut weights = vec![0.0; from * to];
    let last = from as f64 - 1.0;
    for row in 0..to {
        let position = match coordinates {
            ResizeCoordinates::HalfPixel => (row as f64 + 0.5) * from as f64 / to as f64 - 0.5,
            ResizeCoordinates::AlignCorners if to == 1 => 0.0,
            ResizeCoordinates::AlignCorners => row as f64 * last / (to as f64 - 1.0),
            ResizeCoordinates::Asymmetric => row as f64 * from as f64 / to as f64,
        };
        match mode {
            ResizeMode::Nearest => {
                // ONNX's default rounding: half down where centres correspond, floor where origins do.
                let nearest = match coordinates {
                    ResizeCoordinates::Asymmetric => position.floor(),
                    _ => (position - 0.5).ceil(),
                };
                weights[row * from + nearest.clamp(0.0, last) as usize] = 1.0;
            }
            ResizeMode::Linear => {
                let clamped = position.clamp(0.0, last);
                let low = clamped.floor();
                let share = (clamped - low) as f32;
                weights[row * from + low as usize] += 1.0 - share;
                weights[row * from + (low + 1.0).min(last) as usize] += share;
            }
        }
    }
    weights
}
