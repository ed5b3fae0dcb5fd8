namespace Livebed.Kvm.Migration.Prediction;

/// <summary>A round that was sent.</summary>
/// <param name="Pages">pages, zero pages among them</param>
/// <param name="ZeroPages">zero pages</param>
/// <param name="Bytes">on the wire</param>
/// <param name="Seconds">how long it took</param>
/// <param name="LostSeconds">guest time lost to throttling</param>
public readonly record struct RoundTraffic(long Pages, long ZeroPages, long Bytes, double Seconds, double LostSeconds);
