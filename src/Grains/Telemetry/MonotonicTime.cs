namespace Livebed.Grains.Telemetry;

/// <summary>
/// The machine's monotonic clock in whole microseconds: the same for all silos of a machine, and never set. Everything that is ordered or
/// measured in a run uses it.
/// </summary>
public static class MonotonicTime
{
    public static long MonotonicMicroseconds(this TimeProvider time) => (long)(time.GetTimestamp() * (1e6 / time.TimestampFrequency));
}
