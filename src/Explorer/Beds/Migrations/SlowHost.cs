using Livebed.Explorer.Scheduling;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds.Migrations;

/// <summary>How slow a host is at what a migration asks of it.</summary>
/// <param name="world">the world</param>
/// <param name="seed">decides how long each takes; 0 for no time at all</param>
internal sealed class SlowHost(VirtualWorld world, ulong seed)
{
    private Tracked<int> _calls = new(world);

    /// <summary>Others run meanwhile. In steps, since a machine that stands still makes none, and goes on where it stood.</summary>
    public async ValueTask TakeTimeAsync(int stepsMax)
    {
        if (seed == 0 || world.Current is null) return;
        var random = new SeededRandom(seed).Fork((ulong)_calls.Value++);
        if (!random.Chance(0.7)) return;
        for (var left = 1 + random.Next(stepsMax); left > 0; left--) await world.PointAsync(SchedulingPoint.Yield);
    }
}
