using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Livebed.Mutation;

/// <summary>One mechanical change of the model's source.</summary>
/// <param name="Id">its number in this run, which switches it on</param>
/// <param name="Operator">the kind of change: "boundary", "negate", "arithmetic", "off-by-one", "logical", "drop", "swap",
/// "drop-lock"</param>
/// <param name="File">path below the repository</param>
/// <param name="Line">line of the original, from 1 on</param>
/// <param name="Member">method or property that it is in</param>
/// <param name="Change">what was there and what is there instead, on one line</param>
public sealed record Mutation(int Id, string Operator, string File, int Line, string Member, string Change)
{
    /// <summary>A name that survives edits elsewhere in the file, for the list of judgements. Equal changes of one member are
    /// numbered.</summary>
    public string Key { get; init; } = "";
}

/// <summary>
/// Writes every mutation of a file into its syntax tree, each behind a switch: <c>Switch.Is(17) ? a &lt;= b : a &lt; b</c>. So one build
/// serves all of them. Statistics, traces, checks and messages are left alone: a change there breaks no protocol.
/// </summary>
public sealed class MutationRewriter(string file, Func<string, bool> isExcluded, Func<int> nextId) : CSharpSyntaxRewriter
{
    private static readonly string[] Silent =
    [
        "Counters", "Trace", "Observer", "Violated", "Checks", "Statistics", "ArgumentNullException", "ArgumentOutOfRangeException",
        "Interlocked",
    ];

    private static readonly Dictionary<string, string> LockPairs = new(StringComparer.Ordinal)
    {
        ["ReadLockAsync"] = "ReadUnlock",
        ["WriteLockAsync"] = "WriteUnlock",
        ["LockAsync"] = "Unlock",
        ["DownReadAsync"] = "UpRead",
        ["DownWriteAsync"] = "UpWrite",
        ["ReadLock"] = "ReadUnlock",
    };

    private readonly Dictionary<string, int> _sameChanges = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> _lockPairs = new(StringComparer.Ordinal);
    private string _member = "";

    /// <summary>All mutations that are in the tree now.</summary>
    public List<Mutation> Mutations { get; } = [];

    public override SyntaxNode? VisitConstructorDeclaration(ConstructorDeclarationSyntax node) => node;

    public override SyntaxNode? VisitAttributeList(AttributeListSyntax node) => node;

    public override SyntaxNode? VisitInterpolatedStringExpression(InterpolatedStringExpressionSyntax node) => node;

    public override SyntaxNode? VisitEnumDeclaration(EnumDeclarationSyntax node) => node;

    public override SyntaxNode? VisitParameter(ParameterSyntax node) => node;

    public override SyntaxNode? VisitThrowStatement(ThrowStatementSyntax node) => node;

    public override SyntaxNode? VisitThrowExpression(ThrowExpressionSyntax node) => node;

    public override SyntaxNode? VisitFieldDeclaration(FieldDeclarationSyntax node) => node;

    public override SyntaxNode? VisitCaseSwitchLabel(CaseSwitchLabelSyntax node) => node;

    public override SyntaxNode? VisitConstantPattern(ConstantPatternSyntax node) => node;

    public override SyntaxNode? VisitRelationalPattern(RelationalPatternSyntax node) => node;

    public override SyntaxNode? VisitMethodDeclaration(MethodDeclarationSyntax node)
    {
        if (node.Identifier.Text is "ToString" or "Validate" or "Equals" or "GetHashCode") return node;
        return Inside(node.Identifier.Text, () => base.VisitMethodDeclaration(node), node);
    }

    public override SyntaxNode? VisitPropertyDeclaration(PropertyDeclarationSyntax node) =>
        node.Initializer is not null ? node : Inside(node.Identifier.Text, () => base.VisitPropertyDeclaration(node), node);

    public override SyntaxNode? VisitIndexerDeclaration(IndexerDeclarationSyntax node) =>
        Inside("this[]", () => base.VisitIndexerDeclaration(node), node);

    public override SyntaxNode? VisitOperatorDeclaration(OperatorDeclarationSyntax node) =>
        Inside("operator " + node.OperatorToken.Text, () => base.VisitOperatorDeclaration(node), node);

    public override SyntaxNode? VisitBinaryExpression(BinaryExpressionSyntax node)
    {
        if (IsOfCatalogue(node)) return node;
        var visited = (BinaryExpressionSyntax)base.VisitBinaryExpression(node)!;
        if (IsMessage(node)) return visited;
        switch (node.Kind())
        {
            case SyntaxKind.LessThanExpression:
                return Negated(node, Replaced(node, visited, "boundary", SyntaxKind.LessThanOrEqualExpression));
            case SyntaxKind.LessThanOrEqualExpression:
                return Negated(node, Replaced(node, visited, "boundary", SyntaxKind.LessThanExpression));
            case SyntaxKind.GreaterThanExpression:
                return Negated(node, Replaced(node, visited, "boundary", SyntaxKind.GreaterThanOrEqualExpression));
            case SyntaxKind.GreaterThanOrEqualExpression:
                return Negated(node, Replaced(node, visited, "boundary", SyntaxKind.GreaterThanExpression));
            case SyntaxKind.EqualsExpression or SyntaxKind.NotEqualsExpression:
                return Negated(node, visited);
            case SyntaxKind.LogicalAndExpression:
                return Replaced(node, visited, "logical", SyntaxKind.LogicalOrExpression);
            case SyntaxKind.LogicalOrExpression:
                return Replaced(node, visited, "logical", SyntaxKind.LogicalAndExpression);
            case SyntaxKind.BitwiseAndExpression:
                return Replaced(node, visited, "arithmetic", SyntaxKind.BitwiseOrExpression);
            case SyntaxKind.BitwiseOrExpression:
                return Replaced(node, visited, "arithmetic", SyntaxKind.BitwiseAndExpression);
            case SyntaxKind.AddExpression:
                return OffByOne(node, Replaced(node, visited, "arithmetic", SyntaxKind.SubtractExpression), visited);
            case SyntaxKind.SubtractExpression:
                return OffByOne(node, Replaced(node, visited, "arithmetic", SyntaxKind.AddExpression), visited);
            default:
                return visited;
        }
    }

    public override SyntaxNode? VisitPrefixUnaryExpression(PrefixUnaryExpressionSyntax node)
    {
        var visited = (PrefixUnaryExpressionSyntax)base.VisitPrefixUnaryExpression(node)!;
        return node.IsKind(SyntaxKind.LogicalNotExpression) ? Negated(node, visited) : visited;
    }

    public override SyntaxNode? VisitIfStatement(IfStatementSyntax node)
    {
        if (IsOfCatalogue(node.Condition))
        {
            // What is done only with a catalogued mutant is no part of the model; what is left out with one is.
            var isLeftOut = node.Condition.ToString().Contains("!=", StringComparison.Ordinal);
            return node.WithElse((ElseClauseSyntax?)Visit(node.Else))
                .WithStatement(isLeftOut ? (StatementSyntax)Visit(node.Statement)! : node.Statement);
        }

        var visited = (IfStatementSyntax)base.VisitIfStatement(node)!;
        return node.Condition is BinaryExpressionSyntax or PrefixUnaryExpressionSyntax
            ? visited
            : visited.WithCondition(Negated(node.Condition, visited.Condition));
    }

    public override SyntaxNode? VisitConditionalExpression(ConditionalExpressionSyntax node) =>
        IsOfCatalogue(node.Condition) ? node : base.VisitConditionalExpression(node);

    public override SyntaxNode? VisitExpressionStatement(ExpressionStatementSyntax node)
    {
        var visited = (ExpressionStatementSyntax)base.VisitExpressionStatement(node)!;
        if (IsSilent(node)) return visited;
        StatementSyntax result = visited.WithoutLeadingTrivia();
        if (New("drop", node, $"{OneLine(node)} → nothing") is { } drop) result = Unless(drop, result);
        if (LockPairOf(node) is { } pair) result = Unless(pair, result);
        return ReferenceEquals(result, visited) ? visited : result.WithTriviaFrom(node);
    }

    public override SyntaxNode? VisitBlock(BlockSyntax node)
    {
        var visited = (BlockSyntax)base.VisitBlock(node)!;
        var statements = new List<StatementSyntax>();
        Mutation? swappedWithLast = null;
        for (var i = 0; i < node.Statements.Count; i++)
        {
            Mutation? swapped = null;
            // Statements of one step have no order that another operation sees.
            if (i + 1 < node.Statements.Count && IsSwap(node.Statements[i], node.Statements[i + 1]))
                swapped = New(
                    "swap", node.Statements[i], $"{OneLine(node.Statements[i])} {OneLine(node.Statements[i + 1])} → in the other order");
            if (swapped is not null) statements.Add(If(swapped, visited.Statements[i + 1]));
            statements.Add(swappedWithLast is null ? visited.Statements[i] : Unless(swappedWithLast, visited.Statements[i]));
            swappedWithLast = swapped;
        }

        return visited.WithStatements(SyntaxFactory.List(statements));
    }

    private T? Inside<T>(string member, Func<SyntaxNode?> visit, T node)
        where T : SyntaxNode
    {
        var outer = _member;
        _member = $"{(node.Parent as BaseTypeDeclarationSyntax)?.Identifier.Text}.{member}";
        _lockPairs.Clear();
        foreach (var key in PairsIn(node))
            if (New("drop-lock", node, $"{key} and its release → nothing") is { } pair) _lockPairs[key] = pair.Id;
        var visited = (T?)visit();
        _lockPairs.Clear();
        _member = outer;
        return visited;
    }

    /// <summary>Locks that are taken and given back by statements of the same member.</summary>
    private static IEnumerable<string> PairsIn(SyntaxNode member)
    {
        var statements = member.DescendantNodes().OfType<ExpressionStatementSyntax>();
        var calls = statements.Select(CallOf).OfType<(string On, string Name)>().ToHashSet();
        return [.. calls.Where(call => LockPairs.TryGetValue(call.Name, out var release) && calls.Contains((call.On, release)))
            .Select(call => $"{call.On}.{call.Name}").Order(StringComparer.Ordinal)];
    }

    private int? LockPairOf(ExpressionStatementSyntax node)
    {
        if (CallOf(node) is not var (on, name)) return null;
        var acquire = LockPairs.ContainsKey(name) ? name : LockPairs.FirstOrDefault(pair =>
            pair.Value == name && _lockPairs.ContainsKey($"{on}.{pair.Key}")).Key;
        return acquire is not null && _lockPairs.TryGetValue($"{on}.{acquire}", out var id) ? id : null;
    }

    private static (string On, string Name)? CallOf(ExpressionStatementSyntax node)
    {
        var expression = node.Expression is AwaitExpressionSyntax awaited ? awaited.Expression : node.Expression;
        return expression is InvocationExpressionSyntax { Expression: MemberAccessExpressionSyntax access }
            ? (OneLine(access.Expression), access.Name.Identifier.Text)
            : null;
    }

    private static bool IsSwappable(StatementSyntax statement) => statement is ExpressionStatementSyntax call && !IsSilent(call);

    /// <summary>Statistics, traces and checks.</summary>
    private static bool IsSilent(ExpressionStatementSyntax node)
    {
        var target = node.Expression switch
        {
            AssignmentExpressionSyntax assignment => assignment.Left,
            PostfixUnaryExpressionSyntax postfix => postfix.Operand,
            PrefixUnaryExpressionSyntax prefix => prefix.Operand,
            AwaitExpressionSyntax { Expression: InvocationExpressionSyntax invoked } => invoked.Expression,
            InvocationExpressionSyntax invoked => invoked.Expression,
            var other => other,
        };
        return target.DescendantNodesAndSelf().OfType<SimpleNameSyntax>().Any(name => Silent.Contains(name.Identifier.Text)) ||
            OneLine(node.Expression).Contains("Microseconds", StringComparison.Ordinal);
    }

    private static bool IsSwap(StatementSyntax first, StatementSyntax second) =>
        (IsAwait(first) || IsAwait(second)) && IsSwappable(first) && IsSwappable(second) && OneLine(first) != OneLine(second);

    private static bool IsAwait(StatementSyntax statement) => statement is ExpressionStatementSyntax { Expression: AwaitExpressionSyntax };

    /// <summary>It asks for a mutant of the catalogue.</summary>
    private static bool IsOfCatalogue(ExpressionSyntax node) => node.ToString().Contains("Mutant", StringComparison.Ordinal);

    private static bool IsMessage(BinaryExpressionSyntax node) => node.DescendantNodes().Any(part =>
        part is InterpolatedStringExpressionSyntax || part.IsKind(SyntaxKind.StringLiteralExpression));

    private ExpressionSyntax Replaced(BinaryExpressionSyntax node, BinaryExpressionSyntax visited, string kind, SyntaxKind instead)
    {
        var changed = SyntaxFactory.BinaryExpression(instead, visited.Left.WithoutTrivia(), visited.Right.WithoutTrivia());
        var text = $"{OneLine(node)} → {OneLine(node.Left)} {changed.OperatorToken.Text} {OneLine(node.Right)}";
        return New(kind, node, text) is { } mutation ? Choice(mutation, changed, visited).WithTriviaFrom(node) : visited;
    }

    private ExpressionSyntax OffByOne(BinaryExpressionSyntax node, ExpressionSyntax soFar, BinaryExpressionSyntax visited)
    {
        if (node.Right is not LiteralExpressionSyntax { Token.Value: 1 }) return soFar;
        return New("off-by-one", node, $"{OneLine(node)} → {OneLine(node.Left)}") is { } mutation
            ? Choice(mutation, visited.Left, soFar).WithTriviaFrom(node)
            : soFar;
    }

    private ExpressionSyntax Negated(ExpressionSyntax node, ExpressionSyntax soFar)
    {
        if (New("negate", node, $"{OneLine(node)} → !({OneLine(node)})") is not { } mutation) return soFar;
        var parenthesised = SyntaxFactory.ParenthesizedExpression(soFar.WithoutTrivia());
        return Marked(mutation, SyntaxFactory.ParenthesizedExpression(
            SyntaxFactory.BinaryExpression(SyntaxKind.ExclusiveOrExpression, Is(mutation), parenthesised))).WithTriviaFrom(node);
    }

    private static ParenthesizedExpressionSyntax Choice(Mutation mutation, ExpressionSyntax changed, ExpressionSyntax original) =>
        Marked(mutation, SyntaxFactory.ParenthesizedExpression(SyntaxFactory.ConditionalExpression(
            Is(mutation), SyntaxFactory.ParenthesizedExpression(changed.WithoutTrivia()),
            SyntaxFactory.ParenthesizedExpression(original.WithoutTrivia()))));

    private static IfStatementSyntax If(Mutation mutation, StatementSyntax statement) =>
        Marked(mutation, SyntaxFactory.IfStatement(Is(mutation), Block(statement)));

    private static IfStatementSyntax Unless(Mutation mutation, StatementSyntax statement) =>
        Marked(mutation, Unless(mutation.Id, statement));

    private static IfStatementSyntax Unless(int id, StatementSyntax statement) => SyntaxFactory.IfStatement(
        SyntaxFactory.PrefixUnaryExpression(SyntaxKind.LogicalNotExpression, Is(id)), Block(statement));

    private static BlockSyntax Block(StatementSyntax statement) => SyntaxFactory.Block(statement.WithoutTrivia());

    private static ExpressionSyntax Is(Mutation mutation) => Is(mutation.Id);

    private static ExpressionSyntax Is(int id) => SyntaxFactory.ParseExpression($"global::{MutatedModel.SwitchName}.Is({id})");

    private static T Marked<T>(Mutation mutation, T node)
        where T : SyntaxNode => node.WithAdditionalAnnotations(new SyntaxAnnotation(MutatedModel.Annotation, mutation.Key));

    private Mutation? New(string kind, SyntaxNode node, string change)
    {
        var place = $"{file}|{_member}|{kind}|{change}";
        var same = _sameChanges[place] = _sameChanges.GetValueOrDefault(place) + 1;
        var key = same == 1 ? place : $"{place}|{same}";
        if (_member.Length == 0 || isExcluded(key)) return null;
        var line = node.GetLocation().GetLineSpan().StartLinePosition.Line + 1;
        var mutation = new Mutation(nextId(), kind, file, line, _member, change) { Key = key };
        Mutations.Add(mutation);
        return mutation;
    }

    private static string OneLine(SyntaxNode node) => string.Join(' ', node.WithoutTrivia().ToFullString().Split(
        (char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
