//! Convolutions, pooling and what else looks at feature maps.

use super::{
    functions::Fused,
    network::{Network, Unread, part},
};
use crate::onnx::proto::Attribute;

/// The order of a kernel's axes in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    /// Height, width, channels, results: TensorFlow's convolution; results before channels if it is transposed.
    Hwio,
    /// Height, width, channels, results of each: TensorFlow's depthwise convolution.
    Hwcm,
    /// Results, height, width, channels: TensorFlow Lite.
    Ohwi,
    /// One, height, width, results: TensorFlow Lite's depthwise convolution.
    Depthwise,
}

/// How a window is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// Not at all.
    Valid,
    /// So that only the step makes the result smaller; what is odd comes at the end.
    Same,
    /// `[top, left, bottom, right]`.
    Explicit([i64; 4]),
}

/// How a window moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// Step in rows and columns.
    pub stride: [i64; 2],
    /// Spacing of the kernel's taps.
    pub dilation: [i64; 2],
    pub padding: Padding,
    /// Whether feature maps have their channels last.
    pub last: bool,
}

/// What a pooling computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    Max,
    /// The mean of the cells that are not padding.
    Average,
}

/// The weights of a batch normalisation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Normalisation<'a> {
    pub scale: &'a str,
    pub offset: &'a str,
    pub mean: &'a str,
    pub variance: &'a str,
    pub epsilon: f32,
}

impl Window {
    fn attributes(&self, spacing: [i64; 2]) -> Vec<Attribute> {
        let mut list =
            vec![Attribute::ints("strides", &self.stride), Attribute::ints("dilations", &self.dilations(spacing))];
        list.push(match self.padding {
            Padding::Valid => Attribute::string("auto_pad", "VALID"),
            Padding::Same => Attribute::string("auto_pad", "SAME_UPPER"),
            Padding::Explicit(pads) => Attribute::ints("pads", &pads),
        });
        list
    }

    fn dilations(&self, spacing: [i64; 2]) -> [i64; 2] {
        let [rows, columns] = self.dilation;
        [rows.saturating_mul(spacing[0]), columns.saturating_mul(spacing[1])]
    }
}

impl Network {
    /// The value with its channels first.
    fn channels_first(&mut self, input: &str, last: bool) -> String {
        if !last {
            return input.to_owned();
        }
        self.step("nchw", "Transpose", &[input], vec![Attribute::ints("perm", &[0, 3, 1, 2])])
    }

    /// Where a node writes feature maps with channels first that become `output`.
    fn map(&mut self, output: &str, last: bool) -> String {
        if last { self.unique(&part(self.title(), "map")) } else { output.to_owned() }
    }

    /// Brings feature maps with channels first into the order of the file.
    fn back(&mut self, map: &str, output: &str, last: bool) {
        if last {
            self.last("nhwc", "Transpose", &[map], output, vec![Attribute::ints("perm", &[0, 2, 3, 1])]);
        }
    }

    /// A kernel in the order of ONNX.
    fn kernel(&mut self, kernel: &str, order: Kernel) -> String {
        let key = format!("{order:?} {kernel}");
        if let Some(name) = self.kernels.get(&key) {
            return name.clone();
        }
        let permutation = match order {
            Kernel::Hwio => [3, 2, 0, 1],
            Kernel::Hwcm => [2, 3, 0, 1],
            Kernel::Ohwi => [0, 3, 1, 2],
            Kernel::Depthwise => [3, 0, 1, 2],
        };
        let mut name = self.step("kernel", "Transpose", &[kernel], vec![Attribute::ints("perm", &permutation)]);
        if order == Kernel::Hwcm {
            let shape = self.list(&[-1, 1, 0, 0]);
            name = self.step("depthwise_kernel", "Reshape", &[&name, &shape], vec![]);
        }
        self.kernels.insert(key, name.clone());
        name
    }

    /// A convolution, in as many groups as its kernel has too few channels.
    pub fn conv(
        &mut self,
        window: Window,
        input: &str,
        (kernel, order): (&str, Kernel),
        bias: Option<&str>,
        fused: Fused,
        output: &str,
    ) -> Result<(), Unread> {
        let spacing = self.spread.get(input).copied();
        if let Some(spacing) = spacing {
            // Rows that were dealt out to different pictures of a batch meet the taps that stand so far apart.
            if window.padding != Padding::Valid || window.stride != [1, 1] {
                return Err(Unread::reason("it pads or strides between SpaceToBatch and BatchToSpace"));
            }
            self.spread.insert(output.to_owned(), spacing);
        }
        let kernel = self.kernel(kernel, order);
        let source = self.channels_first(input, window.last);
        let (value, done) = self.before(fused, output);
        let map = self.map(&value, window.last);
        let mut attributes = window.attributes(spacing.unwrap_or([1, 1]));
        attributes.push(Attribute::int("group", 0));
        let inputs: Vec<&str> = [source.as_str(), kernel.as_str()].into_iter().chain(bias).collect();
        self.main("Conv", &inputs, &[&map], attributes);
        self.back(&map, &value, window.last);
        done(self)
    }

    /// A transposed convolution whose result has `size` rows and columns, or, if they are not known, as many as Keras
    /// makes. `kernel_size` is needed for that without padding.
    #[expect(clippy::too_many_arguments, reason = "they are the parts of one operation")]
    pub fn transposed_conv(
        &mut self,
        window: Window,
        input: &str,
        (kernel, order): (&str, Kernel),
        size: Option<[i64; 2]>,
        kernel_size: Option<[i64; 2]>,
        bias: Option<&str>,
        fused: Fused,
        output: &str,
    ) -> Result<(), Unread> {
        if self.spread.contains_key(input) {
            return Err(Unread::reason("it stands between SpaceToBatch and BatchToSpace"));
        }
        // The graph's kernel has its channels first: those of the gradient's result are TensorFlow's "in".
        let permutation: [i64; 4] = match order {
            Kernel::Ohwi => [3, 0, 1, 2],
            _ => [3, 2, 0, 1],
        };
        let key = format!("transposed {kernel}");
        let kernel = match self.kernels.get(&key) {
            Some(name) => name.clone(),
            None => {
                let name = self.step("kernel", "Transpose", &[kernel], vec![Attribute::ints("perm", &permutation)]);
                self.kernels.insert(key, name.clone());
                name
            }
        };
        let mut attributes =
            vec![Attribute::ints("strides", &window.stride), Attribute::ints("dilations", &window.dilation)];
        attributes.push(match window.padding {
            Padding::Same => Attribute::string("auto_pad", "SAME_UPPER"),
            Padding::Valid => Attribute::string("auto_pad", "NOTSET"),
            Padding::Explicit(_) => return Err(Unread::reason("explicit padding is not supported")),
        });
        match (size, kernel_size) {
            (Some(size), _) => attributes.push(Attribute::ints("output_shape", &size)),
            (None, _) if window.padding == Padding::Same => {}
            (None, Some([rows, columns])) => {
                let more = |stride: i64, kernel: i64| stride.saturating_sub(kernel).max(0);
                let more = [more(window.stride[0], rows), more(window.stride[1], columns)];
                attributes.push(Attribute::ints("output_padding", &more));
            }
            (None, None) => return Err(Unread::reason("the size of its result is not known")),
        }
        let source = self.channels_first(input, window.last);
        let (value, done) = self.before(fused, output);
        let map = self.map(&value, window.last);
        let inputs: Vec<&str> = [source.as_str(), kernel.as_str()].into_iter().chain(bias).collect();
        self.main("ConvTranspose", &inputs, &[&map], attributes);
        self.back(&map, &value, window.last);
        done(self)
    }

    /// A pooling over windows of `size`.
    pub fn pool(
        &mut self,
        pool: Pool,
        window: Window,
        size: [i64; 2],
        input: &str,
        fused: Fused,
        output: &str,
    ) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let source = self.channels_first(input, window.last);
        let (value, done) = self.before(fused, output);
        let map = self.map(&value, window.last);
        let mut attributes = window.attributes([1, 1]);
        attributes.push(Attribute::ints("kernel_shape", &size));
        self.main(if pool == Pool::Max { "MaxPool" } else { "AveragePool" }, &[&source], &[&map], attributes);
        self.back(&map, &value, window.last);
        done(self)
    }

    /// A batch normalisation.
    pub fn normalise(
        &mut self,
        weights: Normalisation,
        input: &str,
        last: bool,
        fused: Fused,
        output: &str,
    ) -> Result<(), Unread> {
        self.keep_spread(&[input], output)?;
        let source = self.channels_first(input, last);
        let (value, done) = self.before(fused, output);
        let map = self.map(&value, last);
        let Normalisation { scale, offset, mean, variance, epsilon } = weights;
        let inputs = [source.as_str(), scale, offset, mean, variance];
        self.main("BatchNormalization", &inputs, &[&map], vec![Attribute::float("epsilon", epsilon)]);
        self.back(&map, &value, last);
        done(self)
    }

    /// Local response normalisation over `radius` channels to either side.
    pub fn local_response(
        &mut self,
        radius: i64,
        [bias, alpha, beta]: [f32; 3],
        input: &str,
        output: &str,
    ) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let size = radius.checked_mul(2).and_then(|both| both.checked_add(1));
        let size = size
            .filter(|size| (1..1 << 20).contains(size))
            .ok_or_else(|| Unread::reason("its radius is out of range"))?;
        let source = self.channels_first(input, true);
        let map = self.map(output, true);
        let attributes = vec![
            Attribute::int("size", size),
            // TensorFlow's alpha is for each channel.
            Attribute::float("alpha", alpha * size as f32),
            Attribute::float("beta", beta),
            Attribute::float("bias", bias),
        ];
        self.main("LRN", &[&source], &[&map], attributes);
        self.back(&map, output, true);
        Ok(())
    }

    /// Blocks of pixels into channels, or back.
    pub fn depth_space(&mut self, op: &str, block: i64, input: &str, output: &str) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let source = self.channels_first(input, true);
        let map = self.map(output, true);
        self.main(op, &[&source], &[&map], vec![Attribute::int("blocksize", block)]);
        self.back(&map, output, true);
        Ok(())
    }

    /// Resizing to `size` (a constant of rows and columns).
    pub fn resize(
        &mut self,
        nearest: bool,
        (corners, centres): (bool, bool),
        size: &str,
        input: &str,
        output: &str,
    ) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let source = self.channels_first(input, true);
        let map = self.map(output, true);
        // Rows and columns are those cells whose corners, centres or origins correspond.
        let (coordinates, rounding) = match (nearest, corners, centres) {
            (false, true, _) => ("align_corners", ""),
            (false, false, true) => ("half_pixel", ""),
            (false, false, false) => ("asymmetric", ""),
            (true, true, _) => ("align_corners", "round_prefer_ceil"),
            (true, false, true) => ("tf_half_pixel_for_nn", "floor"),
            (true, false, false) => ("asymmetric", "floor"),
        };
        let attributes = vec![
            Attribute::string("mode", if nearest { "nearest" } else { "linear" }),
            Attribute::string("coordinate_transformation_mode", coordinates),
            Attribute::string("nearest_mode", rounding),
            Attribute::ints("axes", &[2, 3]),
        ];
        self.main("Resize", &[&source, "", "", size], &[&map], attributes);
        self.back(&map, output, true);
        Ok(())
    }

    /// Deals rows and columns out to different pictures of a batch, which is how dilated convolutions were once
    /// written. Here the positions stay where they are and the convolution is told.
    pub fn space_to_batch(&mut self, input: &str, block: &str, paddings: &str, output: &str) -> Result<(), Unread> {
        self.gathered(&[input])?;
        let spacing = self.known(block, "block shape")?;
        let (&[rows, columns], &[top, bottom, left, right]) =
            (spacing.as_slice(), self.known(paddings, "paddings")?.as_slice())
        else {
            return Err(Unread::reason("it works over other axes than rows and columns"));
        };
        if rows < 1 || columns < 1 {
            return Err(Unread::reason("its block shape is out of range"));
        }
        let pads = self.list(&[0, top, left, 0, 0, bottom, right, 0]);
        self.main("Pad", &[input, &pads], &[output], vec![]);
        self.spread.insert(output.to_owned(), [rows, columns]);
        Ok(())
    }

    /// The way back of [`space_to_batch`](Self::space_to_batch).
    pub fn batch_to_space(&mut self, input: &str, block: &str, crops: &str, output: &str) -> Result<(), Unread> {
        let spacing = self.known(block, "block shape")?;
        let (&[rows, columns], &[top, bottom, left, right]) =
            (spacing.as_slice(), self.known(crops, "crops")?.as_slice())
        else {
            return Err(Unread::reason("it works over other axes than rows and columns"));
        };
        if self.spread.get(input) != Some(&[rows, columns]) {
            return Err(Unread::reason("no SpaceToBatch with the same blocks stands before it"));
        }
        let end = |cut: i64| if cut == 0 { i64::MAX } else { cut.saturating_neg() };
        let (starts, ends) = (self.list(&[top, left]), self.list(&[end(bottom), end(right)]));
        let axes = self.list(&[1, 2]);
        self.main("Slice", &[input, &starts, &ends, &axes], &[output], vec![]);
        Ok(())
    }

    /// Refuses values whose positions are spread over the batch.
    pub fn gathered(&self, inputs: &[&str]) -> Result<(), Unread> {
        if inputs.iter().any(|input| self.spread.contains_key(*input)) {
            return Err(Unread::reason("it stands between SpaceToBatch and BatchToSpace"));
        }
        Ok(())
    }
}
