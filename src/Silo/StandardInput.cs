namespace Livebed.Silo;

/// <summary>The lifeline to the process that started this one.</summary>
internal static class StandardInput
{
    /// <summary>Completes when standard input ends; what arrives before is ignored.</summary>
    public static Task WaitForEndAsync() => Task.Factory.StartNew(
        () =>
        {
            // Console streams have no cancellable read, hence a thread of its own that dies with the process.
            using var input = Console.OpenStandardInput();
            Span<byte> ignored = stackalloc byte[256];
            while (input.Read(ignored) > 0) continue;
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
