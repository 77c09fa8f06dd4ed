//! The page's dealings with the browser: the worker, drawing, fetching, kept files, storage and the service worker.

pub mod canvas;
pub mod clock;
pub mod download;
pub mod engine;
pub mod entries;
pub mod fetch;
pub mod opfs;
pub mod pwa;
pub mod resize;
pub mod storage;
pub mod theme;
