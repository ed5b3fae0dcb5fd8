namespace Livebed.Kvm.Migration.Prediction;

/// <summary>What ended a forecast that does not complete.</summary>
public enum ForecastLimit : byte
{
    None,
    TimeLimit,
    RoundsMax,
}
