using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>
/// Makes commands idempotent: the first call with an operation id runs the command. Every later call gets the result of that run, whether
/// it is done, failed or still under way. So a caller may repeat a command after a time-out hid its outcome. The memory is bounded: the
/// oldest finished result leaves for a new command, and a running one never does, because forgetting it could run its command twice.
/// Confined to its actor's turns.
/// </summary>
/// <param name="capacity">operations remembered at most</param>
public sealed class RememberedResults<T>(int capacity)
{
    private readonly Dictionary<OperationId, Task<T>> _results = [];
    private readonly LinkedList<OperationId> _oldestFirst = new();

    public int Count => _results.Count;

    /// <summary>
    /// The result of operation <paramref name="id"/>: of its first call, which <paramref name="command"/> makes now if there was none.
    /// Fails with <see cref="TooManyOperationsException"/> when every remembered operation is still running, without starting the command.
    /// </summary>
    public Task<T> GetOrStart(OperationId id, Func<Task<T>> command)
    {
        if (_results.TryGetValue(id, out var known)) return known;
        if (_results.Count >= capacity && !ForgetOldestFinished())
            return Task.FromException<T>(new TooManyOperationsException(capacity));

        // A command may, before its first await, come here again with the same id (an actor that calls itself): it must find itself.
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _results.Add(id, result.Task);
        _oldestFirst.AddLast(id);
        _ = RunAsync(command, result);
        return result.Task;
    }

    private static async Task RunAsync(Func<Task<T>> command, TaskCompletionSource<T> result)
    {
        try
        {
            result.SetResult(await command());
        }
        catch (OperationCanceledException cancelled)
        {
            result.SetCanceled(cancelled.CancellationToken);
        }
        catch (Exception failure)
        {
            // A failure is a result like any other: a repeated call gets it again.
            result.SetException(failure);
        }
    }

    private bool ForgetOldestFinished()
    {
        for (var node = _oldestFirst.First; node is not null; node = node.Next)
        {
            if (!_results[node.Value].IsCompleted) continue;
            _results.Remove(node.Value);
            _oldestFirst.Remove(node);
            return true;
        }

        return false;
    }
}

/// <summary>An actor has as many commands under way as it can remember: the caller is to slow down, not to wait.</summary>
[GenerateSerializer, Alias("Livebed.TooManyOperations")]
public sealed class TooManyOperationsException : Exception
{
    public TooManyOperationsException() { }
    public TooManyOperationsException(string message) : base(message) { }
    public TooManyOperationsException(string message, Exception inner) : base(message, inner) { }

    public TooManyOperationsException(int capacity)
        : this($"all {capacity} operations that this actor can remember are still running; wait for one before sending another") { }
}
