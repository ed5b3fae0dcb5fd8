using System.Threading.Tasks.Sources;

namespace Livebed.Explorer.Pricing.Worlds;

/// <summary>A pooled wait of one thread at a scheduling point; awaited exactly once.</summary>
internal sealed class PricedPoint(PricedWorld world) : IValueTaskSource
{
    private short _version;
    private bool _isAwaited;

    /// <summary>The world's pool is a chain.</summary>
    public PricedPoint? NextSpare { get; set; }

    public ValueTask Wait()
    {
        _isAwaited = false;
        return new ValueTask(this, _version);
    }

    public ValueTaskSourceStatus GetStatus(short token) => _isAwaited ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Pending;

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        _isAwaited = true;
        world.OnPoint(new Continuation(continuation, state));
    }

    public void GetResult(short token)
    {
        if (token != _version) throw new InvalidOperationException("a scheduling point was awaited twice");
        _version++;
        world.Return(this);
    }
}
