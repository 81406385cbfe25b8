"""Settings of a node: every one with its type, its bounds, its default and what it means, Chinese and English.

A table's key is joined with two underscores in the environment: ``YRDX_DELIVERY__LEASE_S``. Secrets are file
references and never values: a password in ``store_url`` is refused.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from services.domain.limits import BATCH_BYTES_FLOOR, BATCH_RECORDS_FLOOR, Limits
from services.node.addresses import verify_address, verify_store_url
from services.node.dialects import verify_dialect
from services.node.exits import Mistake

ENVIRONMENT_PREFIX: Final = "YRDX_"


class SettingsMistake(Mistake):
    """A setting is unknown or has a value that it cannot have."""

    reason: ClassVar[str] = "SETTINGS"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DeliverySettings(_Table):
    """How a node sends."""

    backoff_max_s: float = Field(
        default=300.0, gt=0, le=3600, description="重试间隔上限（秒） · longest pause between retries, s"
    )
    probe_s: float = Field(
        default=300.0,
        gt=0,
        le=3600,
        description="对方拒绝后多久再探测（秒） · pause between probes of a refusing partner, s",
    )
    lease_s: float = Field(
        default=30.0, ge=2, le=600, description="发送权租约（秒） · lease of the right to send a stream, s"
    )


class LimitSettings(_Table):
    """What a node accepts and sends; published to partners."""

    batch_records_max: int = Field(
        default=BATCH_RECORDS_FLOOR,
        ge=BATCH_RECORDS_FLOOR,
        le=100_000,
        description="每批记录数上限 · records in a batch",
    )
    batch_bytes_max: int = Field(
        default=BATCH_BYTES_FLOOR,
        ge=BATCH_BYTES_FLOOR,
        le=3 * 1_048_576,
        description="每批字节数上限 · bytes in a batch",
    )
    record_bytes_max: int = Field(
        default=65_536, ge=1_024, le=65_536, description="单条记录字节数上限 · bytes of one record"
    )
    batches_in_flight_max: int = Field(
        default=8, ge=1, le=64, description="未确认批次上限 · unanswered batches on a stream"
    )
    submit_records_max: int = Field(
        default=2_000, ge=1, le=2_000, description="每次提交记录数上限 · records in one submission"
    )


class Settings(BaseSettings):
    """Settings of one node. ``store_url`` is absolute once `load_settings` returned it."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__"
    )

    city: str = Field(pattern=r"^[0-9]{6}$", description="本市六位代码，无默认值 · this city's six digits; no default")
    dialect: Annotated[str, AfterValidator(verify_dialect)] = Field(
        default="local", description="本市表格的字段方言 · dialect of this city's tables"
    )
    listen: Annotated[str, AfterValidator(verify_address)] = Field(
        default="127.0.0.1:7320", description="监听地址 · address that the node listens on"
    )
    endpoint: Annotated[str, AfterValidator(lambda text: text and verify_address(text))] = Field(
        default="", description="告知伙伴的地址，空则同 listen · address told to partners; empty: same as listen"
    )
    store_url: Annotated[str, AfterValidator(verify_store_url)] = Field(
        default="sqlite:///store.sqlite",
        description="数据库，口令放在 passfile · store; a password stands in a passfile",
    )
    passphrase_file: str = Field(
        default="",
        description="私钥口令文件，空则不加密 · file with the passphrase of the private keys; empty: not encrypted",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="日志级别 · log level")
    rejects_days: int = Field(
        default=90, ge=1, le=3650, description="被拒文件保留天数 · days that files of rejected rows are kept"
    )
    demo: bool = Field(
        default=False, description="演示节点，伙伴自动确认 · demo home: partners are confirmed without a human"
    )
    metrics_file: str = Field(
        default="",
        description="监控指标文件，空则在节点目录 · file for Prometheus, x.prom; empty: in the home",
    )
    holidays_file: str = Field(
        default="",
        description="补充节假日文件，x.toml，空则无 · file with more years of public holidays, x.toml; empty: none",
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="监控指标端口，仅本机，0 则不开 · port for Prometheus on 127.0.0.1; 0: none",
    )
    trace_endpoint: Annotated[str, AfterValidator(lambda text: text and verify_address(text))] = Field(
        default="",
        description="本机 OTLP 收集器地址，空则不追踪 · OTLP collector here, needs yrdx[otel]; empty: no traces",
    )
    approvals: int = Field(
        default=1,
        ge=1,
        le=2,
        description="授予信任所需签名数 · security operators who sign a grant of trust; 1: who asks alone",
    )
    delivery: DeliverySettings = Field(default=DeliverySettings())
    limit: LimitSettings = Field(default=LimitSettings())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose content is the constructor's arguments."""
        return env_settings, init_settings

    @property
    def advertised(self) -> str:
        """Address that partners are told."""
        return self.endpoint or self.listen

    def limits(self) -> Limits:
        """Return the limits as the use cases take them."""
        return Limits(**self.limit.model_dump())


def setting_names(model: type[BaseModel] = Settings, prefix: str = "") -> dict[str, str]:
    """Return every setting's dotted name and description."""
    names: dict[str, str] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= setting_names(field.annotation, f"{prefix}{name}.")
        else:
            names[prefix + name] = field.description or ""
    return names


def variable_of(name: str) -> str:
    """Return the environment variable of a dotted name."""
    return ENVIRONMENT_PREFIX + name.upper().replace(".", "__")
