using Livebed.Grains.Placement;

namespace Livebed.Driver.Running.Nemesis;

/// <summary>
/// What the driver does when a host dies with its silo and when it is back: everything that waits for the host gives up, its VMs are lost
/// one by one, and VMs of the same kinds take their places. A VM that was migrating is in doubt until its migration knows where it is.
/// </summary>
internal sealed class HostLoss(Fleet fleet, Supervisor supervisor, RunClock clock)
{
    /// <summary>How long a migration may leave its VM in doubt: post-copy waits half a minute for a link.</summary>
    private static readonly TimeSpan DoubtMax = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private readonly List<Task> _waiting = [];

    /// <summary>Its silo is about to be killed.</summary>
    public void Dies(int host) => fleet.HostDies(host);

    /// <summary>Its silo's process is gone.</summary>
    public void Died(int host) => supervisor.SiloDied(ActorKeys.Silo(host), ActorKeys.Host(host));

    /// <summary>The host does not come back.</summary>
    public void StaysAway(int host, string why) => supervisor.SiloStaysAway(ActorKeys.Silo(host), why);

    /// <summary>Returns when what is known to be lost is made again; what is in doubt follows.</summary>
    public async Task IsBackAsync(int host)
    {
        await fleet.HostIsBackAsync(host);
        supervisor.SiloIsBack(ActorKeys.Silo(host));
        await fleet.ReviveAsync(host);
        lock (_waiting) _waiting.Add(FollowAsync(host));
    }

    /// <summary>All that was in doubt is decided, and made again where it was lost.</summary>
    public async Task SettleAsync()
    {
        Task[] waiting;
        lock (_waiting) waiting = [.. _waiting];
        await Task.WhenAll(waiting);
    }

    private async Task FollowAsync(int host)
    {
        var patience = new Patience(clock, DoubtMax);
        while (fleet.IsInDoubt(host) && !patience.IsOver && !supervisor.MustStop) await Task.Delay(Pause, clock.Time);
        await fleet.ReviveAsync(host);
    }
}
