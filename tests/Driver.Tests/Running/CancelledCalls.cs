namespace Livebed.Driver.Tests.Running;

/// <summary>Calls that come back as cancelled although nobody cancelled them, as those do that are being looked up in the grain directory
/// when a silo dies.</summary>
internal sealed class CancelledCalls(string method, int times) : IIncomingGrainCallFilter
{
    private int _left = times;

    public Task Invoke(IIncomingGrainCallContext context) =>
        context.MethodName == method && Interlocked.Decrement(ref _left) >= 0 ? throw new OperationCanceledException() : context.Invoke();
}
