namespace Livebed.Driver.Running;

/// <summary>Does the same with many VMs: with some of them at once, so that thousands neither wait in queues until calls time out nor take
/// the processors from those that are under way.</summary>
internal static class ManyVms
{
    /// <summary>That are under way at once.</summary>
    public const int AtOnce = 64;

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
}
