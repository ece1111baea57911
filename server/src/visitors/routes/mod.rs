//! HTTP of visitors.

pub mod bindings;
pub mod config;
pub mod desk;
pub mod images;
pub mod notices;
pub mod records;
pub mod staff;
pub mod visits;
pub mod wechat;

use crate::error::Error;
use crate::http::envelope::Reply;

type Outcome = Result<Reply, Error>;
