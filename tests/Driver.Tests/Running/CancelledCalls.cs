namespace Livebed.Driver.Tests.Running;

/// <summary>Calls that return as cancelled although no code cancelled them, like calls during a look-up in the grain directory when a silo
/// dies.</summary>
internal sealed class CancelledCalls(string method, int times) : IIncomingGrainCallFilter
{
    private int _left = times;

    public Task Invoke(IIncomingGrainCallContext context) =>
        context.MethodName == method && Interlocked.Decrement(ref _left) >= 0 ? throw new OperationCanceledException() : context.Invoke();
}
