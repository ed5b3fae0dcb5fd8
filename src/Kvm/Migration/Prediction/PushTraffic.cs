namespace Livebed.Kvm.Migration.Prediction;

/// <summary>A post-copy push.</summary>
/// <param name="Pages">pages that were missing</param>
/// <param name="Bytes">on the wire</param>
/// <param name="Seconds">how long it took</param>
/// <param name="Requests">pages that the guest missed and fetched</param>
/// <param name="BlockedSeconds">how long vCPUs waited for them, added up</param>
public readonly record struct PushTraffic(long Pages, long Bytes, double Seconds, long Requests, double BlockedSeconds);
