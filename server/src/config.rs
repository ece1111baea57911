//! Settings: the embedded defaults, a file, the environment, flags; each may override the one before.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;

/// Every setting with its default and meaning; `yuyue config` prints it.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// See `config.default.toml` for the meaning of each setting.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(deserialize_with = "time_zone")]
    pub timezone: jiff::tz::TimeZone,
    pub data_dir: PathBuf,
    pub server: Server,
    pub database: Database,
    pub log: Log,
    pub secrets: Secrets,
    pub members: Members,
    pub slots: Slots,
    pub staff: Staff,
    pub sms: Sms,
    pub messages: Messages,
    pub visitors: Visitors,
    pub homemaking: Homemaking,
    pub wechat: Wechat,
    pub storage: Storage,
    pub im: Im,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub listen: SocketAddr,
    #[serde(deserialize_with = "public_url")]
    pub public_url: String,
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    pub max_connections: usize,
    pub failed_logins_per_address: u32,
    #[serde(deserialize_with = "origins")]
    pub cors_origins: Vec<String>,
    #[serde(deserialize_with = "duration")]
    pub request_timeout: Duration,
    #[serde(deserialize_with = "duration")]
    pub upload_timeout: Duration,
    #[serde(deserialize_with = "duration")]
    pub shutdown_timeout: Duration,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: String,
    pub connections: usize,
    pub queue: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Auto,
    Text,
    Json,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    #[serde(deserialize_with = "text")]
    pub key: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Members {
    #[serde(deserialize_with = "millis")]
    pub token_lifetime: Millis,
    pub codes_per_address_per_hour: u32,
    pub codes_per_day: u32,
    pub register_points: i64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slots {
    pub max_upcoming: u32,
    pub sign_in: SignIn,
}

/// When an appointment may be signed in.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum SignIn {
    SameDay,
    Any,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staff {
    #[serde(deserialize_with = "millis")]
    pub session_lifetime: Millis,
    pub require_totp: bool,
    #[serde(deserialize_with = "millis")]
    pub audit_retention: Millis,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sms {
    #[serde(deserialize_with = "text")]
    pub access_key_id: String,
    #[serde(deserialize_with = "text")]
    pub access_key_secret: String,
    #[serde(deserialize_with = "text")]
    pub sign_name: String,
    pub login_template: String,
    pub voice_template: String,
    pub base_url: String,
    pub voice_base_url: String,
}

impl Sms {
    /// Whether messages can be sent at all.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        !self.access_key_id.is_empty()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Messages {
    pub per_day: u32,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visitors {
    pub time_format: TimeFormat,
    pub place: String,
    #[serde(deserialize_with = "millis")]
    pub retention: Millis,
    #[serde(deserialize_with = "millis")]
    pub longest_visit: Millis,
    #[serde(deserialize_with = "millis")]
    pub scan_retention: Millis,
    #[serde(deserialize_with = "millis")]
    pub overdue_limit: Millis,
    #[serde(deserialize_with = "millis")]
    pub directory_ttl: Millis,
    #[serde(deserialize_with = "millis")]
    pub session_lifetime: Millis,
    pub prove_phone: bool,
    #[serde(deserialize_with = "text")]
    pub koala_ip: String,
    #[serde(deserialize_with = "text")]
    pub koala_username: String,
    #[serde(deserialize_with = "text")]
    pub koala_password: String,
    pub cloud_url: String,
    pub templates: Templates,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Homemaking {
    #[serde(deserialize_with = "millis")]
    pub token_lifetime: Millis,
    #[serde(deserialize_with = "millis")]
    pub order_timeout: Millis,
    #[serde(deserialize_with = "millis")]
    pub confirm_after: Millis,
    #[serde(deserialize_with = "millis")]
    pub refund_timeout: Millis,
    pub review_ratings: bool,
    pub guests_read: bool,
    pub payment: Payment,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    pub gateway: Gateway,
    #[serde(deserialize_with = "notify_url")]
    pub notify_url: String,
    #[serde(deserialize_with = "text")]
    pub app_id: String,
    #[serde(deserialize_with = "text")]
    pub app_secret: String,
    #[serde(deserialize_with = "text")]
    pub mch_id: String,
    #[serde(deserialize_with = "text")]
    pub serial: String,
    #[serde(deserialize_with = "text")]
    pub private_key: String,
    pub private_key_file: PathBuf,
    #[serde(deserialize_with = "text")]
    pub api_v3_key: String,
    #[serde(deserialize_with = "text")]
    pub platform_key_id: String,
    #[serde(deserialize_with = "text")]
    pub platform_key: String,
    pub platform_key_file: PathBuf,
    #[serde(deserialize_with = "text")]
    pub second_platform_key_id: String,
    #[serde(deserialize_with = "text")]
    pub second_platform_key: String,
    pub second_platform_key_file: PathBuf,
    pub base_url: String,
}

/// Who moves the money of orders.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Gateway {
    None,
    Simulator,
    WechatPay,
}

/// The message templates (微信短信模板设置): for each event one of WeChat and one of SMS.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Templates {
    /// 给员工的审批提醒微信模板ID
    pub approval_reminder_to_employee_wechat_id: String,
    /// 给员工的审批提醒短信模板ID
    pub approval_reminder_to_employee_sms_id: String,
    /// 给员工的访客签到通知微信模板ID
    pub visitor_signin_to_employee_wechat_id: String,
    /// 给员工的访客签到通知短信模板ID
    pub visitor_signin_to_employee_sms_id: String,
    /// 给访客的审批通过通知微信模板ID
    pub approval_pass_to_visitor_wechat_id: String,
    /// 给访客的审批通过通知短信模板ID
    pub approval_pass_to_visitor_sms_id: String,
    /// 给访客的签到成功通知微信模板ID
    pub signin_to_visitor_wechat_id: String,
    /// 给访客的签到成功通知短信模板ID
    pub signin_to_visitor_sms_id: String,
    /// 给访客的申请回执微信模板ID; "" sends none.
    pub apply_receipt_to_visitor_wechat_id: String,
    /// 给访客的申请回执短信模板ID; "" sends none.
    pub apply_receipt_to_visitor_sms_id: String,
    /// 给访客的审批拒绝通知微信模板ID; "" sends none.
    #[serde(default)]
    #[schema(required = true)]
    pub approval_refuse_to_visitor_wechat_id: String,
    /// 给访客的审批拒绝通知短信模板ID; "" sends none.
    #[serde(default)]
    #[schema(required = true)]
    pub approval_refuse_to_visitor_sms_id: String,
    /// 给员工的访客超时未离开通知微信模板ID; "" sends none.
    #[serde(default)]
    #[schema(required = true)]
    pub visitor_overdue_to_employee_wechat_id: String,
    /// 给员工的访客超时未离开通知短信模板ID; "" sends none.
    #[serde(default)]
    #[schema(required = true)]
    pub visitor_overdue_to_employee_sms_id: String,
}

/// How replies of visitors show times.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum TimeFormat {
    Unix,
    Text,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wechat {
    #[serde(deserialize_with = "text")]
    pub app_id: String,
    #[serde(deserialize_with = "text")]
    pub app_secret: String,
    pub api_base_url: String,
    pub open_base_url: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    pub folder: PathBuf,
    #[serde(deserialize_with = "text")]
    pub bucket: String,
    pub endpoint: String,
    pub region: String,
    pub bucket_in_path: bool,
    #[serde(deserialize_with = "text")]
    pub access_key_id: String,
    #[serde(deserialize_with = "text")]
    pub secret_access_key: String,
    #[serde(deserialize_with = "bytes")]
    pub unclaimed_per_address: i64,
    #[serde(deserialize_with = "bytes")]
    pub unclaimed: i64,
    #[serde(deserialize_with = "bytes")]
    pub free_floor: i64,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Im {
    pub app_id: u64,
    #[serde(deserialize_with = "text")]
    pub key: String,
}

macro_rules! redacted_debug {
    ($($part:ty),*) => {$(
        impl std::fmt::Debug for $part {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($part), " { .. }"))
            }
        }
    )*};
}
redacted_debug!(Database, Payment, Secrets, Sms, Visitors, Wechat, Storage, Im);

/// What the command line gives; the names are the settings' own.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub file: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub data_dir: Option<PathBuf>,
    pub database_url: Option<String>,
}

impl Config {
    /// Reads all four layers.
    ///
    /// # Errors
    /// A text that names the setting, where it was set, and what is expected.
    pub fn load(flags: &Flags) -> Result<Self, String> {
        let mut layers = Figment::from(Toml::string(DEFAULTS));
        if let Some(file) = &flags.file {
            if !file.is_file() {
                return Err(format!("{}: no such configuration file", file.display()));
            }
            layers = layers.merge(Toml::file_exact(file));
        }
        // YUYUE_TEST_… are for the test suite; everything else under the prefix must be a setting.
        layers = layers.merge(Env::prefixed("YUYUE_").filter(|key| !key.starts_with("test_")).split("__"));
        if let Some(listen) = flags.listen {
            layers = layers.merge(Serialized::default("server.listen", listen));
        }
        if let Some(data_dir) = &flags.data_dir {
            layers = layers.merge(Serialized::default("data_dir", data_dir));
        }
        if let Some(url) = &flags.database_url {
            layers = layers.merge(Serialized::default("database.url", url));
        }
        let config: Self = layers.extract().map_err(|error| explain(&error))?;
        config.check()?;
        Ok(config)
    }

    /// Refuses what is well-formed but can never work.
    fn check(&self) -> Result<(), String> {
        let at_least_one = [
            ("server.max_connections", self.server.max_connections),
            ("database.connections", self.database.connections),
            ("database.queue", self.database.queue),
            ("slots.max_upcoming", usize::try_from(self.slots.max_upcoming).unwrap_or(usize::MAX)),
        ];
        if let Some((setting, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(format!("{setting}: expected a number above 0"));
        }
        let needed = [
            ("storage.access_key_id", !self.storage.bucket.is_empty(), &self.storage.access_key_id),
            ("storage.secret_access_key", !self.storage.bucket.is_empty(), &self.storage.secret_access_key),
            ("im.key", self.im.app_id != 0, &self.im.key),
        ];
        match needed.into_iter().find(|(_, is_needed, value)| *is_needed && value.is_empty()) {
            Some((setting, _, _)) => Err(format!("{setting}: is needed with the settings beside it")),
            None => Ok(()),
        }
    }

    /// The defaults alone, as the demo and the tests start from.
    ///
    /// # Panics
    /// When the embedded defaults are broken, which a test would have shown.
    #[must_use]
    pub fn defaults() -> Self {
        Figment::from(Toml::string(DEFAULTS)).extract().expect("the embedded defaults are valid")
    }

    /// The database to use.
    ///
    /// # Errors
    /// A text that says what is wrong with `database.url`.
    pub fn engine(&self) -> Result<yuyue_db::Engine, String> {
        if self.database.url.is_empty() {
            return Ok(yuyue_db::Engine::Sqlite(self.data_dir.join("yuyue.db")));
        }
        yuyue_db::Engine::parse(&self.database.url).map_err(|reason| format!("database.url: {reason}"))
    }
}

/// One line a mistake, each naming the setting the way the reader wrote it.
fn explain(error: &figment::Error) -> String {
    let line = |error: figment::Error| {
        let setting = error.path.join(".");
        let source = error.metadata.as_ref().map(|metadata| {
            let place = metadata.source.as_ref().map(|source| format!(" {source}")).unwrap_or_default();
            format!(" (in {}{place})", metadata.name)
        });
        let separator = if setting.is_empty() { "" } else { ": " };
        format!("{setting}{separator}{}{}", error.kind, source.unwrap_or_default())
    };
    error.clone().into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A text of digits only is still text, though the environment makes it a number.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Text;

    impl serde::de::Visitor<'_> for Text {
        type Value = String;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("text")
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_i64<E>(self, integer: i64) -> Result<String, E> {
            Ok(integer.to_string())
        }

        fn visit_u64<E>(self, integer: u64) -> Result<String, E> {
            Ok(integer.to_string())
        }
    }

    deserializer.deserialize_any(Text)
}

fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let origins = Vec::<String>::deserialize(deserializer)?;
    for origin in &origins {
        let is_origin =
            url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
        if !is_origin {
            let reason =
                format!("\"{origin}\" is not an origin such as https://book.example.com (no path, no slash)");
            return Err(serde::de::Error::custom(reason));
        }
    }
    Ok(origins)
}

/// Networks, or single addresses.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let network = |text: &String| {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        address.or_else(|_| text.parse()).map_err(|_| {
            let reason = format!("\"{text}\" is neither an address nor a network such as 10.0.0.0/8");
            serde::de::Error::custom(reason)
        })
    };
    Vec::<String>::deserialize(deserializer)?.iter().map(network).collect()
}

fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<jiff::tz::TimeZone, D::Error> {
    let name = String::deserialize(deserializer)?;
    jiff::tz::TimeZone::get(&name).map_err(|_| {
        serde::de::Error::custom(format!("\"{name}\" is not an IANA time zone such as Asia/Shanghai"))
    })
}

fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let url = String::deserialize(deserializer)?;
    let is_origin = |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    if url.is_empty() || url::Url::parse(&url).is_ok_and(|url| is_origin(&url)) {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    Err(serde::de::Error::custom("expected an address such as https://book.example.com"))
}

/// An address without a query, as gateways insist.
fn notify_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_bare =
        |url: &url::Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
    if text.is_empty() || url::Url::parse(&text).is_ok_and(|url| is_bare(&url)) {
        return Ok(text);
    }
    Err(serde::de::Error::custom("expected an address without a query, such as https://book.example.com/pay"))
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Duration::from_millis(millis(deserializer)?.unsigned_abs()))
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text)
        .ok_or_else(|| serde::de::Error::custom("expected a duration such as \"30s\", \"24h\" or \"7d\""))
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let size = text(deserializer)?;
    parse_bytes(&size).ok_or_else(|| {
        serde::de::Error::custom("expected a size such as \"64KiB\", \"200MiB\" or \"1GiB\", or 0")
    })
}

/// `0`, `512B`, `64KiB`, `200MiB`, `1GiB`, `2TiB`.
fn parse_bytes(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let shift = match unit {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(1 << shift)
}

/// `250ms`, `30s`, `10m`, `24h`, `7d`.
fn parse_duration(text: &str) -> Option<Millis> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit {
        "ms" => 1,
        "s" => crate::clock::SECOND,
        "m" => crate::clock::MINUTE,
        "h" => crate::clock::HOUR,
        "d" => crate::clock::DAY,
        _ => return None,
    };
    number.parse::<Millis>().ok().filter(|number| *number > 0)?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_complete() {
        let config = Config::defaults();
        assert_eq!(config.slots.max_upcoming, 5);
        assert_eq!(config.members.token_lifetime, 30 * crate::clock::DAY);
    }

    #[test]
    fn mistakes_name_the_setting() {
        let broken = |toml: &str| {
            let layers = Figment::from(Toml::string(DEFAULTS)).merge(Toml::string(toml));
            explain(&layers.extract::<Config>().unwrap_err())
        };
        let unknown = broken("[slots]\nmax_upcomming = 3");
        assert!(unknown.contains("max_upcomming"), "{unknown}");
        let wrong = broken("[slots]\nmax_upcoming = \"many\"");
        assert!(wrong.contains("slots.max_upcoming"), "{wrong}");
        let zone = broken("timezone = \"Mars/Olympus\"");
        assert!(zone.contains("timezone") && zone.contains("Mars/Olympus"), "{zone}");
        let origin = broken("[server]\ncors_origins = [\"https://book.example.com/\"]");
        assert!(origin.contains("server.cors_origins"), "{origin}");
        let secret = broken("[sms]\naccess_key_secret = true");
        assert!(secret.contains("sms.access_key_secret") && secret.contains("expected text"), "{secret}");
        let duration = broken("[server]\nrequest_timeout = \"soon\"");
        assert!(duration.contains("server.request_timeout"), "{duration}");
    }

    #[test]
    fn sizes_have_units() {
        let cases = [("0", 0), ("512B", 512), ("64KiB", 65_536), ("200MiB", 209_715_200), ("1GiB", 1 << 30)];
        for (text, size) in cases {
            assert_eq!(parse_bytes(text), Some(size), "{text}");
        }
        for wrong in ["", "5", "-1B", "1GB", "1.5GiB", "GiB", "99999999999TiB"] {
            assert_eq!(parse_bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("250ms"), Some(250));
        assert_eq!(parse_duration("2s"), Some(2_000));
        assert_eq!(parse_duration("7d"), Some(604_800_000));
        for wrong in ["", "5", "0s", "-1s", "1.5h", "h", "99999999999999999d"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
