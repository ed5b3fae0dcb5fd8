using System.Diagnostics;
using Livebed.Grains.Contracts;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>Does the same with many VMs: with some of them at once, so that thousands neither wait in queues until calls time out nor take
/// the processors from those that are under way.</summary>
internal static class ManyVms
{
    /// <summary>That are under way at once.</summary>
    public const int AtOnce = 64;

    /// <summary>Guests of so many VMs may begin at once.</summary>
    private const int TogetherMax = 100;

    private static readonly TimeSpan ContTime = TimeSpan.FromSeconds(1);

    /// <summary>Returns when all are done; one that fails keeps no other from being done.</summary>
    /// <param name="vms">in the order in which it begins</param>
    /// <param name="work">with each</param>
    /// <param name="done">told how many are done after each; from any thread</param>
    public static async Task EachAsync<T>(IReadOnlyCollection<T> vms, Func<T, Task> work, Action<int>? done = null)
    {
        var count = 0;
        using var room = new SemaphoreSlim(AtOnce);
        await Task.WhenAll(vms.Select(async vm =>
        {
            await room.WaitAsync();
            try
            {
                await work(vm);
            }
            finally
            {
                room.Release();
            }

            done?.Invoke(Interlocked.Increment(ref count));
        }));
    }

    /// <summary>Lets the guests of VMs begin that started stopped. Those of very many begin over a second: guests of one rate that begin
    /// together would all have something due together for ever.</summary>
    /// <param name="vms">in the order in which they begin</param>
    /// <param name="next">makes operations</param>
    public static async Task ContAsync(IReadOnlyCollection<IVmGrain> vms, Func<Operation> next)
    {
        var began = Stopwatch.GetTimestamp();
        await EachAsync(vms.Index().ToList(), async vm =>
        {
            var wait = vms.Count > TogetherMax ? ContTime * vm.Index / vms.Count - Stopwatch.GetElapsedTime(began) : TimeSpan.Zero;
            if (wait > TimeSpan.Zero) await Task.Delay(wait);
            await vm.Item.ContAsync(OperationMessage.From(next()));
        });
    }
}
