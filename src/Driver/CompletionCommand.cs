using System.CommandLine;
using System.CommandLine.Completions;
using System.Globalization;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Pricing;
using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;

namespace Livebed.Driver;

/// <summary>
/// `livebed completion`: a script for the user's shell that asks the command line itself what may come next, by its directive
/// `[suggest:position]`. The names of protocols, mutants, scenarios and campaigns are those of the build that is asked.
/// </summary>
internal sealed class CompletionCommand(CommandEnvironment environment)
{
    // A file is what most other arguments are, so the shell's own completion comes after the names.
    private const string Bash = """
        _livebed() {
          local words
          words=$("$1" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)
          COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _livebed livebed ./livebed
        """;

    private const string Zsh = """
        #compdef livebed ./livebed
        _livebed() {
          local -a names
          names=("${(@f)$("${words[1]}" "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
          compadd -a names
          _files
        }
        compdef _livebed livebed
        """;

    private const string Fish = """
        function __livebed_names
            set -l line (commandline -p)
            set -l program (commandline -po)[1]
            $program "[suggest:"(commandline -C)"]" "$line" 2>/dev/null
        end
        complete -c livebed -a '(__livebed_names)'
        """;

    private static readonly (string Shell, string Script)[] _scripts = [("bash", Bash), ("zsh", Zsh), ("fish", Fish)];

    public static IReadOnlyList<string> Shells { get; } = [.. _scripts.Select(script => script.Shell)];

    /// <summary>A shell asks about a command line, which need not be finished.</summary>
    /// <exception cref="UsageException">The position is none.</exception>
    public static bool IsAsked(IReadOnlyList<string> arguments)
    {
        const string Asking = "[suggest:";
        if (arguments is not [var first, ..]) return false;
        if (!first.StartsWith(Asking, StringComparison.Ordinal) || !first.EndsWith(']')) return first == "[suggest]";
        return int.TryParse(first[Asking.Length..^1], NumberStyles.None, CultureInfo.InvariantCulture, out _)
            ? true
            : throw new UsageException($"{first}: is no position in the line; allowed: [suggest:0] to [suggest:{int.MaxValue}]");
    }

    /// <exception cref="UsageException">It is no such shell.</exception>
    public int Run(string? shell)
    {
        var allowed = string.Join(", ", Shells);
        if (shell is null) throw new UsageException($"completion: which shell? allowed: {allowed}");
        environment.Out.WriteLine(
            _scripts.FirstOrDefault(known => known.Shell == shell).Script
                ?? throw new UsageException($"completion {shell}: there is no script for it; allowed: {allowed}"));
        return ExitCodes.Valid;
    }

    /// <summary>Gives every option and argument that takes a name the names that there are.</summary>
    public static void AddNames(RootCommand root, CampaignFolders folders)
    {
        foreach (var command in root.Subcommands.SelectMany(sub => sub.Subcommands.Append(sub)))
        {
            foreach (var option in command.Options)
                if (NamesOf(command.Name, option.Name, folders) is { } names)
                    option.CompletionSources.Add(_ => names().Select(name => new CompletionItem(name)));
            foreach (var argument in command.Arguments)
                if (NamesOf(command.Name, argument.Name, folders) is { } names)
                    argument.CompletionSources.Add(_ => names().Select(name => new CompletionItem(name)));
        }
    }

    private static Func<IEnumerable<string>>? NamesOf(string command, string name, CampaignFolders folders) => name switch
    {
        "--protocol" => () => ProtocolCatalog.All.Select(entry => entry.Name),
        "--mutant" => () => Mutant.All.Select(entry => entry.Name),
        // Those of `migrate` are a list of others.
        "--strategy" when command != "migrate" => () => Enum.GetNames<StrategyKind>().Select(strategy => strategy.ToLowerInvariant()),
        "--placement" => () => ["spread", "packed"],
        "scenario" when command == "price" => () => PricedScenarios.All.Select(scenario => scenario.Name),
        "--prices" => () => PriceFile.Names(folders),
        "scenario" => () => ScenarioCatalog.All.Select(scenario => scenario.Name),
        "campaign" => () => folders.Names,
        "shell" => () => Shells,
        "what" => () => ListCommand.Kinds,
        _ => null,
    };
}
