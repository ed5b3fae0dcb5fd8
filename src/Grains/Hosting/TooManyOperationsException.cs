namespace Livebed.Grains.Hosting;

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
