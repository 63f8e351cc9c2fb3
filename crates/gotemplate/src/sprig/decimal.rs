//! shopspring's decimal: exact addition and multiplication, division to 16 places.

use num_bigint::{BigInt, Sign};

use crate::error::Fail;

/// `value` × 10^`exponent`
pub(super) struct Decimal {
    value: BigInt,
    exponent: i64,
}

/// Decimal places of a quotient.
const DIVISION_PRECISION: i64 = 16;

/// Digits beyond which a product is no longer a float anyway.
const MAX_EXPONENT: i64 = 20_000;

impl Decimal {
    /// The shortest decimal that stands for the float.
    pub(super) fn from_float(float: f64) -> Result<Self, Fail> {
        if !float.is_finite() {
            return Err(Fail::new("cannot create a decimal from an infinity or NaN"));
        }
        let text = format!("{float:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i64);
        let value = mantissa.replace('.', "").parse().unwrap_or_default();
        Ok(Self { value, exponent: exponent.parse::<i64>().unwrap_or(0) - fraction })
    }

    /// The nearest float.
    pub(super) fn to_float(&self) -> f64 {
        format!("{}e{}", self.value, self.exponent).parse().unwrap_or(0.0)
    }

    fn aligned(&self, other: &Self) -> Result<(BigInt, BigInt, i64), Fail> {
        let exponent = self.exponent.min(other.exponent);
        let left = &self.value * power(self.exponent - exponent)?;
        let right = &other.value * power(other.exponent - exponent)?;
        Ok((left, right, exponent))
    }

    pub(super) fn add(&self, other: &Self) -> Result<Self, Fail> {
        let (left, right, exponent) = self.aligned(other)?;
        Ok(Self { value: left + right, exponent })
    }

    pub(super) fn sub(&self, other: &Self) -> Result<Self, Fail> {
        let (left, right, exponent) = self.aligned(other)?;
        Ok(Self { value: left - right, exponent })
    }

    pub(super) fn mul(&self, other: &Self) -> Result<Self, Fail> {
        let exponent = self.exponent + other.exponent;
        if exponent.abs() > MAX_EXPONENT {
            return Err(Fail::Budget("steps"));
        }
        Ok(Self { value: &self.value * &other.value, exponent })
    }

    /// Rounded half away from zero.
    pub(super) fn div(&self, other: &Self) -> Result<Self, Fail> {
        if other.value.sign() == Sign::NoSign {
            return Err(Fail::new("decimal division by 0"));
        }
        let shift = self.exponent - other.exponent + DIVISION_PRECISION;
        let (dividend, divisor) = if shift < 0 {
            (self.value.clone(), &other.value * power(-shift)?)
        } else {
            (&self.value * power(shift)?, other.value.clone())
        };
        let mut quotient = &dividend / &divisor;
        let rest = &dividend - &quotient * &divisor;
        let twice = BigInt::from(rest.magnitude() * 2u8);
        if twice >= BigInt::from(divisor.magnitude().clone()) {
            let negative = (dividend.sign() == Sign::Minus) != (divisor.sign() == Sign::Minus);
            quotient += if negative { -1 } else { 1 };
        }
        Ok(Self { value: quotient, exponent: -DIVISION_PRECISION })
    }
}

fn power(exponent: i64) -> Result<BigInt, Fail> {
    match u32::try_from(exponent) {
        Ok(exponent) if i64::from(exponent) <= MAX_EXPONENT => Ok(BigInt::from(10).pow(exponent)),
        _ => Err(Fail::Budget("steps")),
    }
}
