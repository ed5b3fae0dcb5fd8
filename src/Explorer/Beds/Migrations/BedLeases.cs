using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Host;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>Who says which host lives: a host that was given up is told so when it reaches this. The way there may be cut.</summary>
internal sealed class BedLeases(VirtualWorld world, long lengthMicroseconds)
{
    private Tracked<string?> _givenUp = new(world);
    private Tracked<string?> _cutOff = new(world);
    private Tracked<long> _late = new(world);

    /// <summary>How long guests may run after a request that was granted.</summary>
    public long LengthMicroseconds => lengthMicroseconds;

    /// <summary>It does not live for anybody any more, whether or not it does.</summary>
    public void GiveUp(HostMmu host)
    {
        world.Trace?.Note(null, $"{host.Name} is given up");
        _givenUp.Value = host.Name;
        world.GivenUp(host.Name);
    }

    /// <summary>Answers are on their way for so long, at least.</summary>
    public void AnswersLate(long microseconds) => _late.Value = microseconds;

    /// <summary>It does not come here; null for none.</summary>
    public void CutOff(HostMmu? host) => _cutOff.Value = host?.Name;

    /// <summary>The host asks for leases from now on, as long as its machine lives.</summary>
    public void Begin(HostMmu host, Machine machine)
    {
        var lease = new HostLease(world, new Way(this, host.Name), host.Fence, lengthMicroseconds);
        machine.Spawn($"lease of {host.Name}", lease.RunAsync);
    }

    private async ValueTask<LeaseStatus> RenewAsync(string host)
    {
        await world.PointAsync(SchedulingPoint.Call);
        var answer = _cutOff.Value == host ? LeaseStatus.Lost : _givenUp.Value == host ? LeaseStatus.Refused : LeaseStatus.Granted;
        await world.PointAsync(SchedulingPoint.Call);
        if (_late.Value > 0) await world.DelayAsync(_late.Value);
        return answer;
    }

    private sealed class Way(BedLeases leases, string host) : ILeaseAuthority
    {
        public ValueTask<LeaseStatus> RenewAsync() => leases.RenewAsync(host);
    }
}
