using System.CommandLine;
using System.CommandLine.Invocation;
using Livebed.Driver.Advising;
using Livebed.Driver.Analyzing;
using Livebed.Driver.Benching;
using Livebed.Driver.Checking;
using Livebed.Driver.Clusters;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Comparing;
using Livebed.Driver.Errors;
using Livebed.Driver.Explaining;
using Livebed.Driver.Exploring;
using Livebed.Driver.Kernels;
using Livebed.Driver.Migrating;
using Livebed.Driver.MutantRuns;
using Livebed.Driver.Predicting;
using Livebed.Driver.Pricing;
using Livebed.Driver.QemuRuns;
using Livebed.Driver.Recording;
using Livebed.Driver.Reports;
using Livebed.Driver.Run;
using Livebed.Driver.Shrinking;
using Livebed.Driver.Viewing;
using Livebed.Explorer.Protocols;
using Livebed.Kvm.World;

namespace Livebed.Driver;

/// <summary>
/// The command line as a whole: parsing, help, and errors. Every error is one line on standard error; the exit status says its kind (<see
/// cref="ExitCodes"/>). Values are not checked here but with the campaign, by the code that checks a file.
/// </summary>
internal static class LivebedCommand
{
    // Arguments that begin with '@' are arguments, not response files.
    private static readonly ParserConfiguration _parsing = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };

    /// <returns>the exit status, which stands whether or not the output could be written</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, CommandEnvironment environment)
    {
        var exitCode = await InvokeAsync(arguments, environment);
        if (environment.OutputFailure is { } failure)
            await environment.Error.WriteLineAsync(
                $"standard output cannot be written ({failure}); the command ended with status {exitCode} all the same");
        return exitCode;
    }

    private static async Task<int> InvokeAsync(IReadOnlyList<string> arguments, CommandEnvironment environment)
    {
        var verbose = arguments.Contains("--verbose");
        try
        {
            // No command is the default campaign.
            var words = arguments.Count == 0 ? ["run"] : arguments;
            var parsed = Build(environment, arguments).Parse(words, _parsing);
            if (!CompletionCommand.IsAsked(arguments) && parsed.Errors.Count > 0) throw Misspelled(parsed);
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                Output = environment.Out,
                Error = environment.Error,
                EnableDefaultExceptionHandler = false,
                // Signals are ours: see Interrupts.
                ProcessTerminationTimeout = null,
            });
        }
        catch (OperationCanceledException) when (environment.Interrupts.Token.IsCancellationRequested)
        {
            // Before there was anything to tell.
            return ExitCodes.Interrupted;
        }
        catch (UsageException e)
        {
            return Fail(environment, e, e.Message, ExitCodes.Usage, verbose);
        }
        catch (ProtocolException e)
        {
            // A protocol that is the user's own, and fails when it is made.
            return Fail(environment, e, OneLine.Of(e.Message), ExitCodes.Usage, verbose);
        }
        catch (UndecidedException e)
        {
            return Fail(environment, e, e.Message, ExitCodes.Unknown, verbose);
        }
        catch (BedException e)
        {
            return Fail(environment, e, $"the bed failed: {e.Message}", ExitCodes.BedFailed, verbose);
        }
        catch (Exception e)
        {
            // The outermost frame: whatever comes here is a bug, and still one line.
            return Fail(
                environment, e, $"the bed failed: {e.GetType().Name}: {OneLine.Of(e.Message)} (--verbose shows where)",
                ExitCodes.BedFailed, verbose);
        }
    }

    private static RootCommand Build(CommandEnvironment environment, IReadOnlyList<string> arguments)
    {
        var root = new RootCommand(
            "Livebed, a live-migration test bed: runs a model of KVM's memory side on a cluster and says whether anything was lost.");
        root.Options.OfType<VersionOption>().Single().Action = new VersionAction(environment);
        var options = new RunOptions();
        root.Add(options.Command);
        options.Command.SetAction(
            (parsed, _) => new RunCommand(environment).RunAsync(options.Read(parsed, arguments, environment)));
        AddCluster(root, environment);
        var explore = new ExploreOptions();
        root.Add(explore.Command);
        explore.Command.SetAction((parsed, _) => PlayAsync(
            environment, arguments, () => explore.AssemblyOf(parsed),
            async () => new ExploreCommand(environment).Run(await environment.Interrupts.AwaitAsync(
                () => explore.Read(parsed, environment.Folders.Current, environment.Clock)))));
        var replay = new ReplayOptions();
        root.Add(replay.Command);
        replay.Command.SetAction((parsed, _) => PlayAsync(
            environment, arguments, () => ReplaySource.AssemblyOf(environment.Folders.Current, replay.FileOf(parsed)),
            () => environment.Interrupts.AwaitAsync(() => new ReplayCommand(environment).Run(replay.Read(parsed)))));
        var shrink = new ShrinkCommandOptions();
        root.Add(shrink.Command);
        shrink.Command.SetAction((parsed, _) => PlayAsync(
            environment, arguments, () => ReplaySource.AssemblyOf(environment.Folders.Current, shrink.FileOf(parsed)),
            () => new ShrinkCommand(environment).RunAsync(shrink.Read(parsed))));
        var mutants = new MutantsOptions();
        root.Add(mutants.Command);
        mutants.Command.SetAction(parsed => new MutantsCommand(environment).Run(mutants.Read(parsed)));
        var price = new PriceOptions();
        root.Add(price.Command);
        price.Command.SetAction((parsed, _) => PlayAsync(
            environment, arguments, () => price.AssemblyOf(parsed),
            async () => await new PriceCommand(environment).RunAsync(await environment.Interrupts.AwaitAsync(
                () => price.Read(parsed, environment.Folders)))));
        var calibrate = new CalibrateOptions();
        price.Command.Add(calibrate.Command);
        calibrate.Command.SetAction(async (parsed, _) => await new CalibrateCommand(environment).RunAsync(
            await environment.Interrupts.AwaitAsync(() => calibrate.Read(parsed, environment.Folders))));
        var museum = new MuseumOptions();
        root.Add(museum.Command);
        museum.Command.SetAction(async (parsed, _) => await new MuseumCommand(environment).RunAsync(
            await environment.Interrupts.AwaitAsync(() => museum.Read(parsed, environment.Folders))));
        AddKernel(root, environment);
        AddRecording(root, environment);
        var predict = new PredictOptions();
        root.Add(predict.Command);
        predict.Command.SetAction((parsed, _) => environment.Interrupts.AwaitAsync(
            () => new PredictCommand(environment).Run(predict.Read(parsed, environment.Folders))));
        var advise = new AdviseOptions();
        root.Add(advise.Command);
        advise.Command.SetAction((parsed, _) => environment.Interrupts.AwaitAsync(
            () => new AdviseCommand(environment).Run(advise.Read(parsed, environment.Folders))));
        var explain = new ExplainOptions();
        root.Add(explain.Command);
        explain.Command.SetAction((parsed, _) => environment.Interrupts.AwaitAsync(
            () => new ExplainCommand(environment).Run(explain.Read(parsed, environment.Folders))));
        var migrate = new MigrateOptions();
        root.Add(migrate.Command);
        migrate.Command.SetAction((parsed, _) => new MigrateCommand(environment).RunAsync(migrate.Read(parsed, environment.Folders)));
        var bench = new BenchOptions();
        root.Add(bench.Command);
        bench.Migrate.SetAction((parsed, _) => new BenchCommand(environment).RunAsync(bench.Read(parsed)));
        bench.All.SetAction((parsed, _) => new RatioCommand(environment).RunAsync(
            RatioCommand.Benches, bench.ReadRatio(parsed), bench.IsJson(parsed), bench.IsQuiet(parsed)));
        foreach (var (command, part) in bench.Ratios)
            command.SetAction((parsed, _) => new RatioCommand(environment).RunAsync(
                [part], bench.ReadRatio(parsed), bench.IsJson(parsed), bench.IsQuiet(parsed)));
        bench.Compare.SetAction((parsed, _) => environment.Interrupts.AwaitAsync(
            () => new RatioCommand(environment).Compare(bench.Files(parsed))));
        var analyze = new AnalyzeOptions();
        root.Add(analyze.Command);
        analyze.Command.SetAction((parsed, _) => new AnalyzeCommand(environment).RunAsync(analyze.Read(parsed)));
        var view = new ViewOptions();
        root.Add(view.Command);
        view.Command.SetAction((parsed, _) => new ViewCommand(environment).RunAsync(view.Read(parsed)));
        var report = new ReportOptions();
        root.Add(report.Command);
        report.Command.SetAction((parsed, _) => new ReportCommand(environment).RunAsync(report.Read(parsed)));
        var stored = new Argument<string>("dir") { Description = "the folder of a run" };
        var check = new Command("check", "Judges a stored run again, from its history.")
        {
            stored,
            new Option<bool>("--verbose") { Description = "show where an error came from" },
        };
        check.SetAction((parsed, _) => new CheckCommand(environment).RunAsync(parsed.GetRequiredValue(stored)));
        root.Add(check);
        var compare = new CompareOptions();
        root.Add(compare.Command);
        compare.Command.SetAction(
            (parsed, _) => new CompareCommand(environment).RunAsync(compare.Read(parsed, environment.Folders.Current)));
        var what = new Argument<string?>("what") { Arity = ArgumentArity.ZeroOrOne, Description = string.Join(", ", ListCommand.Kinds) };
        var list = new Command("list", "Says what there is, with a line each.") { what };
        list.SetAction((parsed, _) => environment.Interrupts.AwaitAsync(
            () => new ListCommand(environment).Run(parsed.GetValue(what))));
        root.Add(list);
        root.Add(CompletionOf(environment));
        CompletionCommand.AddNames(root, environment.Folders);
        return root;
    }

    private static void AddRecording(RootCommand root, CommandEnvironment environment)
    {
        var record = new RecordOptions();
        root.Add(record.Command);
        record.Command.SetAction((parsed, _) => new RecordCommand(environment).RunAsync(record.Read(parsed, environment.Folders)));
        var qemu = new QemuRunOptions();
        root.Add(qemu.Command);
        qemu.Command.SetAction((parsed, _) => new QemuRunCommand(environment).RunAsync(qemu.Read(parsed, environment.Folders)));
    }

    private static void AddCluster(RootCommand root, CommandEnvironment environment)
    {
        var options = new ClusterOptions();
        root.Add(options.Command);
        var current = environment.Folders.Current;
        var command = new ClusterCommand(environment);
        options.Up.SetAction((parsed, _) => command.UpAsync(
            options.Folder(parsed, current), options.Silos(parsed), options.Redis(parsed), options.Certificates(parsed, environment)));
        options.Down.SetAction((parsed, _) => command.DownAsync(options.Folder(parsed, current)));
        options.Status.SetAction((parsed, _) => command.StatusAsync(
            options.LocalFolder(parsed, current), () => options.ConnectionOf(parsed, environment), options.IsJson(parsed)));
    }

    private static void AddKernel(RootCommand root, CommandEnvironment environment)
    {
        var options = new KernelOptions();
        root.Add(options.Command);
        var command = new KernelCommand(environment);
        // What is interrupted between two scripts, or in a race, stops by itself and has something to tell, however long that takes.
        options.Command.SetAction((parsed, _) => Task.Run(() => command.Run(options.Read(parsed, environment.Clock))));
        options.Play.SetAction((parsed, _) => environment.Interrupts.AwaitAsync(() => command.Play(options.ReadPlay(parsed))));
        options.Race.SetAction((parsed, _) => Task.Run(
            () => new RaceCommand(environment).Run(options.ReadRace(parsed, environment.Clock))));
        var recordings = new KernelRecordCommand(environment);
        options.Record.SetAction((parsed, _) => environment.Interrupts.AwaitAsync(
            () => recordings.Record(options.ReadRecord(parsed, environment.Clock))));
        options.Compare.SetAction((parsed, _) => environment.Interrupts.AwaitAsync(() => recordings.Compare(options.ReadCompare(parsed))));
        options.Survey.SetAction((_, _) => environment.Interrupts.AwaitAsync(command.Survey));
    }

    private static Command CompletionOf(CommandEnvironment environment)
    {
        var shell = new Argument<string?>("shell")
        {
            Arity = ArgumentArity.ZeroOrOne,
            Description = string.Join(", ", CompletionCommand.Shells),
        };
        var completion = new Command("completion", "Prints a script that lets a shell complete commands, options and names.") { shell };
        completion.SetAction(parsed => new CompletionCommand(environment).Run(parsed.GetValue(shell)));
        return completion;
    }

    /// <summary>Runs what plays schedules; with a foreign protocol in a process of its own.</summary>
    private static async Task<int> PlayAsync(
        CommandEnvironment environment, IReadOnlyList<string> arguments, Func<string?> findAssembly, Func<Task<int>> run) =>
        environment.IsolatesProtocols && await environment.Interrupts.AwaitAsync(findAssembly) is { } assembly
            ? await new ProtocolProcess(environment.Error, environment.Interrupts.Token).RunAsync(arguments, assembly)
            : await run();

    /// <summary>`--version`: which build this is, and which model.</summary>
    private sealed class VersionAction(CommandEnvironment environment) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            environment.Out.WriteLine(ModelIdentity.Line);
            return ExitCodes.Valid;
        }
    }

    private static UsageException Misspelled(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var allowed = command is RootCommand
            ? string.Join(", ", command.Subcommands.Select(sub => sub.Name))
            : string.Join(", ", command.Options.Where(option => !option.Hidden).Select(option => option.Name));
        var problem = parsed.UnmatchedTokens is [var word, ..] ? $"'{word}' is unknown" : parsed.Errors[0].Message.TrimEnd('.');
        return new UsageException($"livebed: {problem}; allowed: {(allowed.Length == 0 ? "see --help" : allowed)}");
    }

    private static int Fail(CommandEnvironment environment, Exception exception, string message, int exitCode, bool verbose)
    {
        environment.Error.WriteLine(message);
        if (verbose) environment.Error.WriteLine(exception);
        return exitCode;
    }
}
