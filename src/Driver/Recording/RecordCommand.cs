using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Linux.Interop;
using Livebed.Linux.Processes;
using Livebed.Linux.Recording;

namespace Livebed.Driver.Recording;

/// <summary>
/// `livebed record`: records what a running process writes, or a program that it starts. All of it happens on one thread, as ptrace asks.
/// The file is written when all is known, under another name first, so that a recording is there as a whole or not at all.
/// </summary>
internal sealed class RecordCommand(CommandEnvironment environment)
{
    private const string Partial = ".part";

    private static readonly TimeSpan _statusPatience = TimeSpan.FromSeconds(1);

    public Task<int> RunAsync(RecordOptionValues values) => Task.Factory.StartNew(
        () => Run(values), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private int Run(RecordOptionValues values)
    {
        if (!OperatingSystem.IsLinux()) throw new UsageException("record: this is no Linux; allowed: Linux");
        var stop = environment.Interrupts.Token;
        var report = new RecordReport(environment, values);
        RecordOutcome outcome;
        StartedProgram? program = null;
        string path;
        IReadOnlyList<string> notes;
        try
        {
            program = values.Process is null ? StartedProgram.Start(values.Program, isHeld: true) : null;
            var request = new RecordRequest(
                values.Process ?? program!.Process, values.IsGuest, values.Backend, values.Interval, values.Time,
                values.MaxSlowdown);
            using var recorder = Recorder.Attach(request);
            path = PathOf(values, recorder.Name);
            CheckWritable(path, environment.Folders.Label(path));
            report.WriteBegin(recorder, request.Process);
            outcome = recorder.Record(() => program?.Continue(), report.ShowProgress, stop);
            Write(outcome, path);
            notes = recorder.Notes;
        }
        catch (RecordingException exception)
        {
            var message = $"{values.Label}: {exception.Message}";
            throw exception.IsPassing ? new UndecidedException(message) : new UsageException(message);
        }
        catch (SystemCallException exception)
        {
            throw new UsageException($"{values.Label}: {exception.Message}; allowed: a program that is there and can be started");
        }
        finally
        {
            // However the recording went, the program is the user's, and goes on.
            program?.Continue();
        }

        var status = program is null ? null : StatusOf(program, outcome);
        if (values.IsJson)
        {
            report.WriteJson(outcome, notes, environment.Folders.Label(path), status);
        }
        else
        {
            report.WriteEnd(outcome, notes, environment.Folders.Label(path));
            if (program is not null) report.WriteProgram(program.Process, status);
        }

        // Without --for, Ctrl-C is how a recording ends.
        return outcome.End == RecordEnd.Stopped && values.Time is not null ? ExitCodes.Interrupted : ExitCodes.Valid;
    }

    private string PathOf(RecordOptionValues values, string name)
    {
        if (values.Out is { } given) return given;
        var plain = string.Concat(name.Where(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_' or '.'));
        return Path.Combine(environment.Folders.Current, (plain.TrimStart('.') is { Length: > 0 } usable ? usable : "recording")
            + RecordOptions.Extension);
    }

    /// <summary>Before anything is recorded: a recording that cannot be kept is lost.</summary>
    private static void CheckWritable(string path, string label)
    {
        try
        {
            using var file = new FileStream(
                path + Partial, FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--out {label}: cannot be written ({exception.Message}); allowed: a file in a folder of yours");
        }
    }

    private static void Write(RecordOutcome outcome, string path)
    {
        var partial = path + Partial;
        try
        {
            using (var file = File.Create(partial)) outcome.Write(file);
            File.Move(partial, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Remove(partial);
            throw new BedException($"{path} cannot be written ({exception.Message})", exception);
        }
    }

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // What cannot be written may not be removable either; the error is about the writing.
        }
    }

    /// <summary>The status of a program that has ended; null while it runs.</summary>
    private static int? StatusOf(StartedProgram program, RecordOutcome outcome)
    {
        if (outcome.End != RecordEnd.ProcessEnded) return program.ExitStatus();
        var begun = TimeProvider.System.GetTimestamp();
        int? status;
        do
        {
            status = program.ExitStatus();
        }
        while (status is null && TimeProvider.System.GetElapsedTime(begun) < _statusPatience);
        return status;
    }
}
