using Livebed.Kvm.Addresses;
using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>A guest that runs while it is migrated: the dirty pages, and what becomes dirty while they are sent.</summary>
public interface IForecastGuest
{
    /// <summary>Pages that were dirty at the last sync.</summary>
    long DirtyPages { get; }

    /// <summary>Runs of neighbours among them.</summary>
    long DirtyRuns { get; }

    /// <summary>Sends what is dirty while the guest writes on, then syncs.</summary>
    /// <param name="bytesPerSecond">of the link</param>
    /// <param name="pace">how fast the guest is let run</param>
    /// <param name="endSeconds">from the last byte to the sync; a part of the round</param>
    RoundTraffic SendRound(double bytesPerSecond, ThrottledRate pace, double endSeconds = 0);

    /// <summary>Post-copy: pushes what is dirty while the guest runs on the destination and fetches what it misses.</summary>
    PushTraffic Push(double bytesPerSecond);
}

/// <summary>What a guest does to its memory. Any number of forecasts can be made of one.</summary>
public interface IForecastWorkload
{
    /// <summary>The guest at the start of a migration: every page is dirty.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The memory is too small for the workload.</exception>
    IForecastGuest Start(MigrationParameters parameters, ForecastSettings settings);

    /// <summary>Pages of the guest's RAM.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The memory is too small for the workload, or there is none.</exception>
    long PagesOf(ForecastSettings settings);

    /// <summary>Time on the guest's own clock after which its writes are those of before; infinite for one that writes nothing.</summary>
    double RepeatsAfterMicroseconds(ForecastSettings settings);

    /// <summary>The guest's writes from the start on.</summary>
    IWriteStream StartWrites(ForecastSettings settings);

    /// <summary>Pages that are zero when a migration begins: those that the recording says, or the share of the settings.</summary>
    PageSet ZeroPages(ForecastSettings settings, bool isFromTrace);
}

/// <summary>How fast the guest is let run during a round.</summary>
/// <param name="ThrottlePercentage">share of its time that it sleeps</param>
/// <param name="DirtyPagesPerSecond">pages that all its vCPUs together may make dirty; 0 for no limit</param>
public readonly record struct ThrottledRate(int ThrottlePercentage, double DirtyPagesPerSecond)
{
    /// <summary>Seconds that the guest lives in one.</summary>
    public double ClockShare => 1 - ThrottlePercentage / 100.0;
}

/// <summary>A post-copy push.</summary>
/// <param name="Pages">pages that were missing</param>
/// <param name="Bytes">on the wire</param>
/// <param name="Seconds">how long it took</param>
/// <param name="Requests">pages that the guest missed and fetched</param>
/// <param name="BlockedSeconds">how long vCPUs waited for them, added up</param>
public readonly record struct PushTraffic(long Pages, long Bytes, double Seconds, long Requests, double BlockedSeconds);

/// <summary>A round that was sent.</summary>
/// <param name="Pages">pages, zero pages among them</param>
/// <param name="ZeroPages">zero pages</param>
/// <param name="Bytes">on the wire</param>
/// <param name="Seconds">how long it took</param>
/// <param name="LostSeconds">guest time lost to throttling</param>
public readonly record struct RoundTraffic(long Pages, long ZeroPages, long Bytes, double Seconds, double LostSeconds);
