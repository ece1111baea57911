//! Everything that talks to somebody else's server, and the stand-ins for those servers.
//!
//! Each provider has a client and a simulator. A simulator is a real HTTP server on loopback that
//! checks signatures and keeps state, so the client needs no test mode: it is pointed at another
//! base URL and runs the same code.

pub mod http;
pub mod im;
pub mod koala;
pub mod koala_simulator;
mod loopback;
mod notifier;
pub mod payment;
pub mod payment_simulator;
mod portrait;
pub mod s3_simulator;
pub mod sms;
pub mod sms_simulator;
pub mod storage;
pub mod wechat;
pub mod wechat_pay;
pub mod wechat_pay_simulator;
pub mod wechat_simulator;
