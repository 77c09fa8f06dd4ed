//! Groups of pictures, and of heatmaps: [k-means](kmeans), [spectral clustering](spectral) as SpRAy uses it, and
//! [how good](measures) a grouping is.
//!
//! SpRAy (Lapuschkin et al., "Unmasking Clever Hans predictors and assessing what machines really learn", 2019): heatmaps of
//! one class, scaled down and normalised by the caller, are the rows; groups with a heatmap of their own show how else the
//! network decides, such as by a mark in a corner.

pub mod kmeans;
pub mod measures;
pub mod spectral;
