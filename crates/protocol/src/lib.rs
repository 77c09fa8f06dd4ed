//! The vocabulary that the engine's side and the page share, and the messages between them.
//!
//! The page (`innspect-app`) sends [`Request`]s, the worker (`innspect-worker`) answers with [`Reply`]s. A request that
//! starts work carries a [`Job`]; every reply to it carries the same job, so that progress, partial results, failure and
//! cancellation find their place. Messages travel as JSON; bulk data (file bytes, pixels, relevance) travels beside it
//! as transferred `ArrayBuffer`s, the *attachments*, in the order that each message documents.
//!
//! The crate is plain data: no burn, no DOM.

pub mod dataset;
pub mod display;
pub mod explain;
pub mod message;
pub mod method;
pub mod model;
pub mod quality;

pub use dataset::{
    BrokenItem, ClassMatch, DatasetId, DatasetInfo, DatasetItem, DatasetSource, LabelOrigin, LeftOut, MatchedBy,
    ScanPart, SitePicture,
};
pub use display::{ChannelReduction, Colormap, Display, Scale};
pub use explain::{
    ClassScore, Concept, ExplainSpec, Explanation, Facts, MapState, Neuron, Prediction, RuleUse, StepProgress,
    SumCheck, Target,
};
pub use message::{DeviceChoice, DeviceInfo, DeviceKind, GivenFile, Job, Reply, Request, Source, Stage, UserError};
pub use method::{
    BASELINES, Family, LayerNeed, MethodInfo, ParamInfo, ParamKind, ParamValue, Params, SumRule, TargetKind,
};
pub use model::{
    Catalog, CatalogDataset, CatalogModel, CatalogPhoto, ImageId, ImageInfo, LayerInfo, ModelId, ModelInfo, ScoreKind,
};
pub use quality::{Assessment, Check, Curve, Randomised};
