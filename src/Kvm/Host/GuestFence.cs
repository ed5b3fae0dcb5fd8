using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// Until when the guests of a host may access its memory. User space says it (<c>HostLease</c>); a host that was told nothing is never
/// fenced. It is looked at with each batch of accesses, by the clock. So a host that stood still stops its guests before their first
/// access, however late its timers are. Vcpu threads ask it as well.
/// </summary>
public sealed class GuestFence(IWorld world, Mutant? mutant)
{
    private Tracked<long> _until = new(world, long.MaxValue);

    /// <summary>Whether a guest may access memory now.</summary>
    public bool IsOpen => _until.Value > world.NowMicroseconds || mutant == Mutant.StaleEpochRunsOn;

    /// <summary>Guests stop at that time of the world, unless it is said anew before.</summary>
    public void CloseAt(long microseconds) => _until.Value = microseconds;
}
