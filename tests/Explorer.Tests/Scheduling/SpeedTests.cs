using System.Diagnostics;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.World;
using Xunit.Abstractions;

namespace Livebed.Explorer.Tests.Scheduling;

/// <summary>Figures for people: steps a second of processor time, since other programs run beside.</summary>
public sealed class SpeedTests(ITestOutputHelper output)
{
    [Fact]
    public void The_bare_scheduler_does_not_allocate_a_step()
    {
        const int Tasks = 8;
        const int Steps = 100_000;
        var world = new VirtualWorld(new RandomStrategy(1));
        for (var task = 0; task < Tasks; task++)
            world.Spawn("stepper", async () =>
            {
                for (var step = 0; step < Steps; step++) await world.PointAsync(SchedulingPoint.MmStep);
            });
        var before = Process.GetCurrentProcess().TotalProcessorTime;
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var result = world.Run(long.MaxValue);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        var seconds = (Process.GetCurrentProcess().TotalProcessorTime - before).TotalSeconds;
        Assert.Equal(ScheduleOutcome.Completed, result.Outcome);
        output.WriteLine($"{result.Steps} steps, {result.Steps / seconds:N0} a second, {allocated} bytes");
        Assert.InRange(allocated, 0, result.Steps / 100);
    }
}
