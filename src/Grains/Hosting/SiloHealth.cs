using Livebed.Grains.Telemetry;
using Livebed.Kvm.World;

namespace Livebed.Grains.Hosting;

/// <summary>How a silo is, for those that watch its process. Safe from any thread.</summary>
/// <param name="heartbeat">of the silo</param>
/// <param name="time">the clock that the heartbeat has</param>
public sealed class SiloHealth(RunningClock heartbeat, TimeProvider time)
{
    /// <summary>A process that does not come to a beat for so long is stuck.</summary>
    public static readonly TimeSpan StuckAfter = TimeSpan.FromSeconds(30);

    private volatile bool _hasStarted;
    private volatile bool _isWhole;
    private volatile bool _isLeaving;

    /// <summary>The silo is a member of its cluster.</summary>
    public bool HasStarted => _hasStarted;

    /// <summary>It may be given work.</summary>
    public bool IsReady => _hasStarted && _isWhole && !_isLeaving;

    /// <summary>It was asked to end.</summary>
    public bool IsLeaving => _isLeaving;

    /// <summary>The process runs. Nothing of the cluster is in this: a partition must not restart silos.</summary>
    public bool IsLive => heartbeat.LastBeatMicroseconds is not { } beat
        || time.MonotonicMicroseconds() - beat < StuckAfter.TotalMicroseconds;

    public void Started() => _hasStarted = true;

    /// <summary>It sees as many silos as its settings say.</summary>
    public void Whole() => _isWhole = true;

    public void Leaving() => _isLeaving = true;
}
