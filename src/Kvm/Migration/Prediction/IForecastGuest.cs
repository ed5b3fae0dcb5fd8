namespace Livebed.Kvm.Migration.Prediction;

/// <summary>A guest that runs while it is migrated: the dirty pages, and what becomes dirty while they are sent.</summary>
public interface IForecastGuest
{
    /// <summary>Pages that were dirty at the last sync.</summary>
    long DirtyPages { get; }

    /// <summary>Runs of neighbours among them.</summary>
    long DirtyRuns { get; }

    /// <summary>Sends what is dirty while the guest writes on, then syncs.</summary>
    RoundTraffic SendRound(double bytesPerSecond, GuestPace pace);

    /// <summary>Post-copy: pushes what is dirty while the guest runs on the destination and fetches what it misses.</summary>
    PushTraffic Push(double bytesPerSecond);
}
