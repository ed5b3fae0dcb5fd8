using Livebed.Kvm.Host.Streams;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Chunks of pages that a test has got hold of on their way: they have been read at the source, and what they bring is as old as
/// they are when they are released. See <see cref="PageRelay"/>.</summary>
internal sealed class HeldChunks(string what, Func<PageChunk, bool> isMeant) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<(Func<PageChunk, bool> IsMeant, TaskCompletionSource Came)> _awaited = [];

    /// <summary>Returns when the first of them is there.</summary>
    public Task ReachedAsync() => WithinPatience(_reached.Task, "was not sent");

    /// <summary>Returns when such a chunk has been answered, of those to the same host that are answered from this call on.</summary>
    public Task AnsweredAsync(Func<PageChunk, bool> isAwaited)
    {
        var came = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_awaited) _awaited.Add((isAwaited, came));
        return WithinPatience(came.Task, "was not answered");
    }

    public void Release() => _released.TrySetResult();

    public void Dispose() => Release();

    public Task PassAsync(PageChunk chunk)
    {
        if (!isMeant(chunk)) return Task.CompletedTask;
        _reached.TrySetResult();
        return _released.Task;
    }

    public void Answered(PageChunk chunk)
    {
        lock (_awaited)
            foreach (var (isAwaited, came) in _awaited)
                if (isAwaited(chunk)) came.TrySetResult();
    }

    private async Task WithinPatience(Task task, string failure)
    {
        await Task.WhenAny(task, Task.Delay(Patience));
        Assert.True(task.IsCompleted, $"{what} {failure} within {Patience.TotalSeconds:0} s");
    }
}
