using System.Text;

namespace Livebed.Silo;

/// <summary>The lifeline to the process that started this one, and what that says.</summary>
internal static class StandardInput
{
    /// <summary>Completes when standard input ends.</summary>
    /// <param name="told">is given each line, on a thread of its own; null ignores what arrives</param>
    public static Task WaitForEndAsync(Action<string>? told = null) => Task.Factory.StartNew(
        () =>
        {
            // Console streams have no cancellable read, hence a thread of its own that dies with the process.
            using var input = Console.OpenStandardInput();
            if (told is null)
            {
                Span<byte> ignored = stackalloc byte[256];
                while (input.Read(ignored) > 0) continue;
                return;
            }

            using var lines = new StreamReader(input, Encoding.UTF8);
            while (lines.ReadLine() is { } line) told(line);
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
