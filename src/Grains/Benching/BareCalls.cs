using System.Diagnostics;
using Livebed.Grains.Placement;
using Orleans.Concurrency;

namespace Livebed.Grains.Benching;

/// <summary>
/// The calls of a fault and of a notification with nothing in them: what Orleans takes for as many calls between actors that stand where
/// those of a VM stand. The other side of `livebed bench`. The keys are those of the real actors, so the places are too.
/// </summary>
[Alias("livebed.bare.vcpu")]
public interface IBareVcpuGrain : IGrainWithStringKey
{
    /// <summary>One bare fault after the other for so long.</summary>
    /// <returns>how many</returns>
    ValueTask<long> FaultAsync(TimeSpan time);
}

/// <summary>Stands where a VM stands.</summary>
[Alias("livebed.bare.vm")]
public interface IBareVmGrain : IGrainWithStringKey
{
    /// <summary>As a fault does, calls the host twice: for the page, and to put it.</summary>
    ValueTask FaultAsync();

    ValueTask NotifyAsync();
}

/// <summary>Stands where a host stands.</summary>
[Alias("livebed.bare.host")]
public interface IBareHostGrain : IGrainWithStringKey
{
    ValueTask AnswerAsync();

    /// <summary>Calls the VM twice, as the start and the end of a range do, so many times.</summary>
    ValueTask NotifyAsync(string vmKey, int ranges);
}

[Reentrant]
[LivebedPlacement]
internal sealed class BareVcpuGrain : Grain, IBareVcpuGrain
{
    public async ValueTask<long> FaultAsync(TimeSpan time)
    {
        var vm = GrainFactory.GetGrain<IBareVmGrain>(ActorKeys.VmOf(this.GetPrimaryKeyString()));
        var began = Stopwatch.GetTimestamp();
        var faults = 0L;
        for (; Stopwatch.GetElapsedTime(began) < time; faults++) await vm.FaultAsync();
        return faults;
    }
}

[Reentrant]
[LivebedPlacement]
internal sealed class BareVmGrain : Grain, IBareVmGrain
{
    private IBareHostGrain? _host;

    private IBareHostGrain Host => _host ??= GrainFactory.GetGrain<IBareHostGrain>(
        ActorKeys.Host(ActorKeys.Parse(this.GetPrimaryKeyString()).Index));

    public async ValueTask FaultAsync()
    {
        await Host.AnswerAsync();
        await Host.AnswerAsync();
    }

    public ValueTask NotifyAsync() => ValueTask.CompletedTask;
}

[Reentrant]
[LivebedPlacement]
internal sealed class BareHostGrain : Grain, IBareHostGrain
{
    public ValueTask AnswerAsync() => ValueTask.CompletedTask;

    public async ValueTask NotifyAsync(string vmKey, int ranges)
    {
        var vm = GrainFactory.GetGrain<IBareVmGrain>(vmKey);
        for (var range = 0; range < ranges; range++)
        {
            await vm.NotifyAsync();
            await vm.NotifyAsync();
        }
    }
}
