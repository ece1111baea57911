//! Yuyue (预约): four booking businesses in one server.

pub mod adapters;
pub mod app;
pub mod clock;
pub mod config;
pub mod demo;
pub mod error;
pub mod homemaking;
pub mod http;
pub mod ids;
pub mod images;
pub mod jobs;
pub mod live;
pub mod locks;
pub mod members;
pub mod migrations;
pub mod outbox;
pub mod passwords;
pub mod phone;
pub mod secrets;
pub mod serve;
pub mod slots;
pub mod staff;
pub mod text;
pub mod visitors;
pub mod web;
