namespace Livebed.Kvm.Migration.Prediction;

/// <summary>How fast the guest is let run during a round.</summary>
/// <param name="ThrottlePercentage">share of its time that it sleeps</param>
/// <param name="DirtyPagesPerSecond">pages that all its vCPUs together may make dirty; 0 for no limit</param>
public readonly record struct GuestPace(int ThrottlePercentage, double DirtyPagesPerSecond)
{
    /// <summary>Seconds that the guest lives in one.</summary>
    public double ClockShare => 1 - ThrottlePercentage / 100.0;
}
